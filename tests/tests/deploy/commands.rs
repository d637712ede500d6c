//! The commands of the README, run as they stand there, in a folder instead of the whole machine.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use tests::deploy::Text;

/// The lines of the README's code blocks that begin with `beginning`.
fn commands(beginning: &str) -> Vec<String> {
    let readme = Text::of("README.md");
    let blocks = readme.as_str().split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines);
    let lines = lines.filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_file_is_installed_where_it_says_that_it_belongs() {
    let files = [
        ("nginx/detent.conf", "/etc/nginx/conf.d/detent.conf"),
        ("caddy/Caddyfile", "/etc/caddy/Caddyfile"),
        (
            "apache/detent.conf",
            "/etc/apache2/sites-available/detent.conf",
        ),
        (
            "systemd/debian-12/detent.service",
            "/etc/systemd/system/detent.service",
        ),
        ("logrotate/detent", "/etc/logrotate.d/detent"),
        ("fail2ban/filter.conf", "/etc/fail2ban/filter.d/detent.conf"),
        ("fail2ban/jail.conf", "/etc/fail2ban/jail.d/detent.conf"),
        (
            "prometheus/prometheus.yml",
            "/etc/prometheus/prometheus.yml",
        ),
        ("prometheus/rules.yml", "/etc/prometheus/detent-rules.yml"),
        ("detent.toml", "/opt/detent/detent.toml"),
        ("haproxy/detent.cfg", "/etc/haproxy/haproxy.cfg"),
    ];
    let readme = Text::of("README.md");
    for (file, place) in files {
        let text = Text::of(file);
        let mut head = text.as_str().lines().take(2);
        assert!(
            head.any(|line| line.contains(place)),
            "{file} says where it belongs"
        );
        let command =
            |line: &str| line.contains(&format!("scripts/deploy/{file} ")) && line.ends_with(place);
        assert!(readme.as_str().lines().any(command), "README: {file}");
    }
}

#[test]
fn the_server_that_the_commands_install_passes_its_check() {
    let folder = TempDir::new().expect("a temporary folder");
    let opt = folder.path().join("detent").display().to_string();
    let built = tests::library("echo");
    let built = built.parent().expect("a folder").display().to_string();
    let installing = commands("install -D ");
    // The server, its plugins, its file; and the plugin that only TLS without a proxy needs.
    assert_eq!(installing.len(), 4, "{installing:?}");
    for command in &installing {
        run(&command
            .replace("target/release", &built)
            .replace("/opt/detent", &opt));
    }
    // The file names the folder too.
    let file = folder.path().join("detent/detent.toml");
    let text = fs::read_to_string(&file).expect("it was installed");
    fs::write(&file, text.replace("/opt/detent", &opt)).expect("our own folder");
    let check = &commands("/opt/detent/server ")[0];
    let said = run(&check.replace("/opt/detent", &opt));
    assert!(said.contains("ok"), "{said}");
}

/// Runs a command in the folder of the source; it has to succeed. What it said.
#[track_caller]
fn run(command: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-euc", command]);
    shell.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = shell.output().expect("a shell runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command}: {said}");
    said
}
