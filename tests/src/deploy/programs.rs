//! How each proxy is started, reloaded and told where things lie on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::authority::{Authority, NAME};
use super::text::Text;

/// A proxy that `scripts/deploy` has a text for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// nginx, `nginx/detent.conf`.
    Nginx,
    /// HAProxy, `haproxy/detent.cfg`.
    HaProxy,
    /// Apache, `apache/detent.conf`.
    Apache,
    /// Caddy, `caddy/Caddyfile`.
    Caddy,
}

/// What the texts have to be told about this machine.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) authority: &'a Authority,
    /// Where plain HTTP, HTTPS and the server listen.
    pub(super) plain: String,
    pub(super) tls: String,
    pub(super) server: String,
}

impl Program {
    /// Its text of `scripts/deploy`.
    pub(super) fn text(self) -> Text {
        Text::of(match self {
            Program::Nginx => "nginx/detent.conf",
            Program::HaProxy => "haproxy/detent.cfg",
            Program::Apache => "apache/detent.conf",
            Program::Caddy => "caddy/Caddyfile",
        })
    }

    /// Puts ports, paths and certificates of this machine into its text.
    #[track_caller]
    pub(super) fn settle(self, text: Text, place: &Place<'_>) -> Text {
        let text = text.put("127.0.0.1:25252", &place.server);
        let (chain, key) = (place.authority.chain(), place.authority.key());
        let (chain, key) = (chain.display().to_string(), key.display().to_string());
        let live = "/etc/letsencrypt/live/example.org";
        let (live_chain, live_key) = (
            format!("{live}/fullchain.pem"),
            format!("{live}/privkey.pem"),
        );
        let (plain, tls) = (&place.plain, &place.tls);
        match self {
            Program::Nginx => text
                // One family is enough here: the other's line says the same.
                .put("    listen [::]:80;\n", "")
                .put("    listen [::]:443 ssl http2;\n", "")
                .put("listen 80;", &format!("listen {plain};"))
                .put("listen 443 ", &format!("listen {tls} "))
                .put(&live_chain, &chain)
                .put(&live_key, &key),
            Program::HaProxy => text
                .put("bind :80", &format!("bind {plain}"))
                .put("bind :443", &format!("bind {tls}"))
                .put(
                    "/etc/haproxy/example.org.pem",
                    &both(place.folder, &chain, &key),
                ),
            Program::Apache => text
                .put("*:80", plain)
                .put("*:443", tls)
                .put(&live_chain, &chain)
                .put(&live_key, &key),
            Program::Caddy => {
                // It would ask a public authority for a certificate, and listen on ports of its own.
                let port =
                    |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
                let head = format!(
                    "{{\n\tadmin unix/{}\n\thttp_port {}\n\thttps_port {}\n\tauto_https disable_certs\n\
                     \tdefault_bind 127.0.0.1\n}}\n\n{NAME} {{\n\ttls {chain} {key}\n",
                    caddy_socket(place.folder),
                    port(plain),
                    port(tls),
                );
                text.put(&format!("{NAME} {{\n"), &head)
            }
        }
    }

    /// The command that runs it in the foreground with the text in `file`.
    #[track_caller]
    pub(super) fn command(self, file: &Path, place: &Place<'_>) -> Command {
        let folder = place.folder;
        match self {
            Program::Nginx => nginx(file, folder),
            Program::HaProxy => haproxy(file, folder),
            Program::Apache => apache(file, place),
            Program::Caddy => caddy(&["run"], file, folder),
        }
    }

    /// Where its text lies in `folder`.
    pub(super) fn file(self, folder: &Path) -> PathBuf {
        match self {
            Program::Apache => folder.join("apache2/sites-available/detent.conf"),
            Program::Caddy => folder.join("Caddyfile"),
            Program::Nginx | Program::HaProxy => folder.join("detent.conf"),
        }
    }

    /// The signal that makes it read its text again, or none where a command does.
    pub(super) fn reload_signal(self) -> Option<Signal> {
        match self {
            Program::Nginx => Some(Signal::HUP),
            // To the master process.
            Program::HaProxy => Some(Signal::USR2),
            // "graceful", as `systemctl reload apache2` does.
            Program::Apache => Some(Signal::USR1),
            Program::Caddy => None,
        }
    }

    /// Whether a WebSocket outlives the reload. Caddy 2.6.2, of Debian 12 and 13, drops every one.
    pub fn keeps_clients(self) -> bool {
        self != Program::Caddy
    }

    /// What its text says of the time that a WebSocket may be silent, none where it has no such time,
    /// and how it writes a time of so many seconds there.
    pub fn idle_time(self, seconds: u32) -> Option<(&'static str, String)> {
        match self {
            Program::Nginx => Some(("120s;", format!("{seconds}s;"))),
            Program::HaProxy => Some(("tunnel 120s", format!("tunnel {seconds}s"))),
            Program::Apache | Program::Caddy => None,
        }
    }

    /// How its text leads `/push` to the server, and how it reads without that.
    pub fn way_to_push(self) -> (&'static str, &'static str) {
        match self {
            Program::Nginx => ("(chat|echo|push)$|^/push/", "(chat|echo)$"),
            Program::HaProxy | Program::Caddy => ("/chat /echo /push", "/chat /echo"),
            Program::Apache => ("ProxyPass \"/push\"", "ProxyPass \"/elsewhere\""),
        }
    }
}

/// HAProxy wants certificate and key in one file.
#[track_caller]
fn both(folder: &Path, chain: &str, key: &str) -> String {
    let file = folder.join("both.pem");
    let both = [chain, key].map(|part| fs::read_to_string(part).expect("it was written"));
    fs::write(&file, both.concat()).expect("the folder can be written");
    file.display().to_string()
}

fn nginx(file: &Path, folder: &Path) -> Command {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path {}/{what};\n", folder.display()))
        .concat();
    let main = format!(
        "daemon off;\nworker_processes 1;\npid {}/nginx.pid;\nerror_log stderr notice;\nevents {{}}\n\
         http {{\n    access_log off;\n{temporary}    include {};\n}}\n",
        folder.display(),
        file.display(),
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, main).expect("the folder can be written");
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-p"]).arg(folder);
    command.arg("-c").arg(path);
    command
}

fn haproxy(file: &Path, folder: &Path) -> Command {
    let global = folder.join("global.cfg");
    let text = "global\n    maxconn 1000\n    log stderr format raw local0\n";
    fs::write(&global, text).expect("the folder can be written");
    let mut command = Command::new("haproxy");
    // As Debian's unit runs it: a master process, which says when it is ready.
    command.arg("-Ws").arg("-f").arg(global).arg("-f").arg(file);
    command
}

fn caddy_socket(folder: &Path) -> String {
    format!("/{}/admin.sock", folder.display())
}

/// Caddy, to run with the text in `file` or to tell the one that runs so to read it again.
pub(super) fn caddy(arguments: &[&str], file: &Path, folder: &Path) -> Command {
    let mut command = Command::new("caddy");
    command.args(arguments).arg("--config").arg(file);
    command.args(["--adapter", "caddyfile"]);
    for home in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(home, folder);
    }
    command
}

/// Debian's own configuration in a copy, with the site and the modules that the README tells to enable.
#[track_caller]
fn apache(file: &Path, place: &Place<'_>) -> Command {
    let folder = place.folder;
    let own = folder.join("apache2");
    let ports = format!("Listen {}\nListen {}\n", place.plain, place.tls);
    fs::write(own.join("ports.conf"), ports).expect("the folder can be written");
    for line in super::front::commands_of_readme(&["a2enmod ", "a2ensite "]) {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().expect("a command"));
        command.args(words).env("APACHE_CONFDIR", &own);
        command.env("APACHE_STATE_DIRECTORY", folder.join("state"));
        let output = command.output().expect("Debian's apache2 has it");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
    }
    assert!(
        file.starts_with(&own),
        "the site lies where a2ensite finds it"
    );
    let mut command = Command::new("apache2");
    command.args(["-DFOREGROUND", "-d"]).arg(&own);
    command.args(["-f", "apache2.conf", "-E", "/dev/stderr"]);
    command.env("APACHE_RUN_USER", "www-data");
    command.env("APACHE_RUN_GROUP", "www-data");
    command.env("APACHE_PID_FILE", folder.join("apache2.pid"));
    for variable in ["APACHE_RUN_DIR", "APACHE_LOCK_DIR", "APACHE_LOG_DIR"] {
        command.env(variable, folder);
    }
    command
}

/// What has to lie in `folder` before the text is written: for Apache a copy of Debian's configuration
/// without its sites.
#[track_caller]
pub(super) fn prepare(program: Program, folder: &Path) {
    // Workers of nginx and Apache run as another user when the tests run as root.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("our own folder");
    if program != Program::Apache {
        return;
    }
    let mut copy = Command::new("cp");
    copy.args(["-r", "/etc/apache2"]).arg(folder);
    let status = copy.status().expect("cp runs");
    assert!(
        status.success(),
        "/etc/apache2 (Debian's apache2) can be read"
    );
    let enabled = folder.join("apache2/sites-enabled");
    fs::remove_dir_all(&enabled).expect("our own copy");
    fs::create_dir(&enabled).expect("our own copy");
}
