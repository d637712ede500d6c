//! The server's binary and the plugin libraries, built once for each run of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with what cargo built, after it has built everything in the profile and the target
/// folder of the tests themselves.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("the test knows its own path");
        let folder = test
            .ancestors()
            .nth(2)
            .expect("tests lie in TARGET/PROFILE/deps");
        build(folder);
        folder.to_owned()
    })
}

fn build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(["build", "--workspace", "--quiet"]);
    command
        .arg("--target-dir")
        .arg(folder.parent().expect("a profile lies in a target folder"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    // The same features as the tests themselves, or cargo would build everything again.
    for (feature, is_on) in [
        ("tests/browser", cfg!(feature = "browser")),
        ("tests/root", cfg!(feature = "root")),
        ("tests/nginx", cfg!(feature = "nginx")),
        ("tests/haproxy", cfg!(feature = "haproxy")),
        ("tests/apache", cfg!(feature = "apache")),
        ("tests/caddy", cfg!(feature = "caddy")),
        ("tests/systemd", cfg!(feature = "systemd")),
        ("tests/logrotate", cfg!(feature = "logrotate")),
        ("tests/fail2ban", cfg!(feature = "fail2ban")),
        ("tests/cplusplus", cfg!(feature = "cplusplus")),
    ] {
        if is_on {
            command.args(["--features", feature]);
        }
    }
    let status = command.status().expect("cargo can be run");
    assert!(status.success(), "the workspace does not build");
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}

/// The server's binary.
pub fn server() -> PathBuf {
    folder().join("server")
}

/// The library of a plugin in the workspace.
pub fn library(name: &str) -> PathBuf {
    folder().join(format!("lib{}.so", name.replace('-', "_")))
}

/// Compiles `tests/c/NAME.c` with the system's compiler into a library in `folder`.
#[track_caller]
pub fn compile_c(name: &str, folder: &Path) -> PathBuf {
    let library = folder.join(format!("lib{name}.so"));
    compile_c_file(&root().join("tests/c").join(format!("{name}.c")), &library);
    library
}

/// Compiles a file of C99 against the plugin API's header; a warning fails the test.
#[track_caller]
pub fn compile_c_file(source: &Path, library: &Path) {
    compile_c_with(source, library, &[]);
}

/// As [`compile_c_file`], with further arguments for the compiler.
#[track_caller]
pub fn compile_c_with(source: &Path, library: &Path, arguments: &[&str]) {
    compile_c_against(
        &root().join("plugin-api/include"),
        source,
        library,
        arguments,
    );
}

/// As [`compile_c_file`], against the header in another folder.
#[track_caller]
pub fn compile_c_file_with_header(source: &Path, header: &Path, library: &Path) {
    compile_c_against(header, source, library, &[]);
}

/// Compiles `tests/c/NAME.cc` by a standard of C++ (`c++11`) into a library; a warning fails the test.
#[cfg(feature = "cplusplus")]
#[track_caller]
pub fn compile_cplusplus(name: &str, standard: &str, library: &Path) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}"));
    command.args([
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-shared",
        "-fPIC",
    ]);
    command.args(["-fvisibility=hidden", "-I"]);
    command.arg(root().join("plugin-api/include"));
    command.arg("-o").arg(library);
    command.arg(root().join("tests/c").join(format!("{name}.cc")));
    let output = command.output().expect("a C++ compiler can be run");
    assert!(
        output.status.success(),
        "{standard}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[track_caller]
fn compile_c_against(header: &Path, source: &Path, library: &Path, arguments: &[&str]) {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
    command
        .args(["-shared", "-fPIC", "-I"])
        .arg(header)
        .arg("-o")
        .arg(library)
        .arg(source)
        .args(arguments);
    let output = command.output().expect("a C compiler can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
