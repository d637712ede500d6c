//! What C says of the header: programs that the system's compiler makes of it, as an author would.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::facts::Fact;

/// The folder of the header of ABI 1.0.
pub(crate) fn header_1_0() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/abi/1.0")
}

/// The folder of the header as it is now.
fn header() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Has C evaluate each expression; gives names and values in the same order.
pub(crate) fn ask_c(facts: &[Fact]) -> Vec<(String, i128)> {
    ask_c_of(facts, &header())
}

/// As [`ask_c`], of the header in `folder`.
pub(crate) fn ask_c_of(facts: &[Fact], folder: &Path) -> Vec<(String, i128)> {
    let mut source = String::from("#include \"detent.h\"\n#include <stdio.h>\n");
    source.push_str("static void fact(const char *name, int negative, unsigned long long value)\n");
    source.push_str("{ printf(\"%s=%s%llu\\n\", name, negative ? \"-\" : \"\", value); }\n");
    source.push_str("int main(void)\n{\n");
    for Fact {
        name,
        c_expression,
        rust_value,
    } in facts
    {
        let (sign, negative) = if *rust_value < 0 { ("-", 1) } else { ("", 0) };
        writeln!(
            source,
            "    fact(\"{name}\", {negative}, (unsigned long long)({sign}({c_expression})));"
        )
        .unwrap();
    }
    source.push_str("    return 0;\n}\n");

    static PROGRAMS: AtomicUsize = AtomicUsize::new(0);
    let number = PROGRAMS.fetch_add(1, Ordering::Relaxed);
    let program = scratch(&format!("layout-{number}"));
    compile_against(
        folder,
        &format!("layout-{number}.c"),
        &source,
        &program,
        &[],
    );
    let output = Command::new(&program).output().expect("run the C program");
    std::fs::remove_file(program).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// A file of this test run alone.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{}-{name}", std::process::id()))
}

pub(crate) fn compile(name: &str, source: &str, output: &Path, options: &[&str]) {
    compile_against(&header(), name, source, output, options);
}

fn compile_against(folder: &Path, name: &str, source: &str, output: &Path, options: &[&str]) {
    let source_file = scratch(name);
    std::fs::write(&source_file, source).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let result = Command::new(compiler)
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(folder)
        .args(options)
        .arg("-o")
        .args([output, &source_file])
        .output()
        .expect("a C compiler is installed as `cc` (or named by CC)");
    std::fs::remove_file(source_file).unwrap();
    let errors = String::from_utf8_lossy(&result.stderr);
    assert!(
        result.status.success(),
        "{name} does not compile:\n{errors}"
    );
}
