//! How a host comes to Redis: with a password from a file, by TLS, and to the one of several that is the master.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::secure::Authority;
use tests::{Admin, Client, Redis, Sentinel, Server, Setup, wait_until};

use crate::settings::problems_of;
use crate::{ROUTE, join, kept, settings_by};

pub(crate) fn setup(redis: &str) -> Setup {
    let setup = Setup::new().plugins(&["annals", "push"]);
    setup.configuration(&settings_by(redis))
}

/// What is said on one is heard on the other.
#[track_caller]
fn assert_shared(one: &Server, other: &Server, text: &str) {
    let (mut there, ..) = join(other, "");
    let mut speaker = Client::connect(one, &format!("{ROUTE}?silent"));
    speaker.send(&format!("say {text}"));
    assert_eq!(kept(&mut there).1, text);
}

fn write_private(server: &Server, name: &str, text: &str) {
    let file = server.folder().join(name);
    fs::write(&file, text).expect("the folder can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// Nothing that the server tells anybody has a password in it.
#[track_caller]
fn assert_hidden(server: &Server, secret: &str) {
    let admin = Admin::of(server);
    let mut told = server.log() + &server.printed().join("\n");
    for page in ["/status.json", "/metrics", "/clients", "/"] {
        told += &admin.ask("GET", page, &[]).2;
    }
    assert!(
        told.contains("redis://127.0.0.1:"),
        "nothing was read: {told}"
    );
    assert!(!told.contains(secret), "{secret} is told: {told}");
}

#[test]
fn a_password_from_a_file_is_read_anew_for_each_connection() {
    let redis = Redis::on_free_port(&["--appendonly", "no", "--requirepass", "first-secret"]);
    let table = format!(
        "url = \"{}\"\npassword_file = \"redis.password\"\n",
        redis.url()
    );
    let hosts = [(); 2].map(|()| {
        let setup = setup(&table).private("redis.password", "first-secret\n", 0o600);
        setup.start()
    });
    let [one, other] = &hosts;
    assert_shared(one, other, "by the first");
    redis.ask(
        "AUTH first-secret\r\nCONFIG SET requirepass second-secret\r\nCLIENT KILL TYPE normal",
    );
    for host in &hosts {
        host.wait_for_log(&[
            ROUTE,
            "is away: it refuses: the user or the password is wrong",
        ]);
    }
    write_private(one, "redis.password", "");
    one.wait_for_log(&[
        ROUTE,
        "is away: it was not asked: ",
        "redis.password is empty",
    ]);
    fs::remove_file(one.folder().join("redis.password")).expect("it was there");
    one.wait_for_log(&[ROUTE, "redis.password cannot be read: No such file"]);
    for host in &hosts {
        write_private(host, "redis.password", "second-secret");
    }
    wait_until("both are back", || {
        hosts.iter().all(|host| {
            let up = format!("detent_engine_up{{route=\"{ROUTE}\"}}");
            Admin::of(host).metric(&up) == Some(1.0)
        })
    });
    assert_shared(one, other, "by the second");
    for host in &hosts {
        assert_hidden(host, "first-secret");
        assert_hidden(host, "second-secret");
    }
    // A reload looks at the file, and keeps what is there where that cannot be used.
    fs::remove_file(one.folder().join("redis.password")).expect("it was there");
    let told = one.reload();
    assert!(told.contains("given up"), "{told}");
    one.wait_for_log(&["`password_file`: ", "redis.password cannot be read"]);
    assert_shared(one, other, "by what is open");
}

#[test]
fn a_user_comes_with_the_password_of_the_file() {
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    redis.ask("ACL SETUSER host on >its-secret ~* &* +@all");
    redis.ask("ACL SETUSER default off");
    let port = redis.port();
    for table in [
        format!(
            "url = \"redis://127.0.0.1:{port}/3\"\nuser = \"host\"\npassword_file = \"redis.password\"\n"
        ),
        format!("url = \"redis://host@127.0.0.1:{port}/3\"\npassword_file = \"redis.password\"\n"),
        format!("url = \"redis://host:its-secret@127.0.0.1:{port}/3\"\n"),
    ] {
        let server = setup(&table)
            .private("redis.password", "its-secret\r\n", 0o640)
            .start();
        server.wait_for_log(&[
            ROUTE,
            &format!("is shared with other hosts by redis://127.0.0.1:{port}/3"),
        ]);
        assert_hidden(&server, "its-secret");
    }
}

#[test]
fn what_is_wrong_with_the_password_or_the_user_is_found_by_the_check() {
    let url = "url = \"redis://127.0.0.1:1\"\n";
    let file = "password_file = \"redis.password\"\n";
    for (redis, text, mode, told) in [
        (format!("{url}{file}"), "", 0o600, "redis.password is empty"),
        (
            format!("{url}{file}"),
            "a\nb\n",
            0o600,
            "redis.password has more than one line",
        ),
        (
            format!("{url}{file}"),
            "the-secret",
            0o644,
            "redis.password cannot be read: others may read it",
        ),
        (
            format!("{url}password_file = \"none\"\n"),
            "",
            0o600,
            "none cannot be read: No such file",
        ),
        (
            format!("{url}password_file = \".\"\n"),
            "",
            0o600,
            "cannot be read: it is no file",
        ),
        (
            file.to_owned(),
            "the-secret",
            0o600,
            "`password_file`: has no effect without `url`",
        ),
        (
            format!("url = \"redis://:the-secret@127.0.0.1:1\"\n{file}"),
            "x",
            0o600,
            "has a password, and so has `password_file`",
        ),
        (
            format!("url = \"redis://a@127.0.0.1:1\"\nuser = \"b\"\n{file}"),
            "x",
            0o600,
            "names a user, and so does `user`",
        ),
        (
            format!("{url}user = \"b\"\n"),
            "x",
            0o600,
            "names a user without a password",
        ),
        (
            "url = \"redis://b@127.0.0.1:1\"\n".to_owned(),
            "x",
            0o600,
            "names a user without a password",
        ),
        (
            "url = []\n".to_owned(),
            "x",
            0o600,
            "`url`: names no address",
        ),
        (
            "url = [\"redis://127.0.0.1:1\", \"http://the-secret\"]\n".to_owned(),
            "x",
            0o600,
            "what stands here is no address of Redis",
        ),
        (
            format!("{url}ca_file = \"ca.pem\"\n"),
            "x",
            0o600,
            "no address in `url` begins with rediss://",
        ),
        (
            "url = \"rediss://127.0.0.1:1\"\nca_file = \"ca.pem\"\n".to_owned(),
            "x",
            0o600,
            "ca.pem: cannot be read: No such file",
        ),
        (
            "url = \"rediss://127.0.0.1:1\"\nca_file = \"redis.password\"\n".to_owned(),
            "x",
            0o600,
            "redis.password: has no certificate",
        ),
        (
            "url = \"rediss://127.0.0.1:1\"\nkey_file = \"ca.pem\"\n".to_owned(),
            "x",
            0o600,
            "has to have its `certificate_file`",
        ),
        (
            format!("{url}sentinel = \"mymaster\"\nuser = \"b\"\n"),
            "x",
            0o600,
            "has no effect without `password_file`",
        ),
    ] {
        let found = problems_of(setup(&redis).private("redis.password", text, mode));
        assert!(found.contains(told), "{redis}: {found}");
        assert!(!found.contains("the-secret"), "{redis}: {found}");
    }
}

/// A Redis that speaks TLS and asks for certificates, as it does by default, and a port for its name.
pub(crate) struct Secured {
    pub(crate) redis: Redis,
    pub(crate) port: u16,
    authority: Authority,
}

impl Secured {
    pub(crate) fn start() -> Secured {
        let authority = Authority::new();
        let identity = authority.sign(&["localhost"], 10);
        let folder = tempfile::TempDir::new().expect("a temporary folder").keep();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("the folder can be written");
            path.to_str().expect("a plain name").to_owned()
        };
        let port = Redis::free_port();
        let redis = Redis::with(&[
            "--appendonly",
            "no",
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &file("redis.crt", &identity.chain),
            "--tls-key-file",
            &file("redis.key", &identity.key),
            "--tls-ca-cert-file",
            &file("ca.crt", &authority.pem),
        ]);
        // It has read them.
        fs::remove_dir_all(&folder).expect("it is ours");
        Secured {
            redis,
            port,
            authority,
        }
    }

    pub(crate) fn setup(&self, redis: &str) -> Setup {
        let ours = self.authority.sign_client("host", "host@example.org");
        let other = Authority::new();
        setup(redis)
            .private("ca.crt", &self.authority.pem, 0o644)
            .private("other.crt", &other.pem, 0o644)
            .private("host.crt", &ours.chain, 0o644)
            .private("host.key", &ours.key, 0o600)
    }
}

#[test]
fn a_redis_is_reached_by_tls_and_trusted_by_its_authority() {
    let secured = Secured::start();
    let port = secured.port;
    let shown = "certificate_file = \"host.crt\"\nkey_file = \"host.key\"\n";
    // A client that reads late, as on a busy machine, may leave unread all that is said here.
    let table = format!(
        "url = \"rediss://localhost:{port}\"\nca_file = \"ca.crt\"\n{shown}\
         [client]\nbacklog = \"64MiB\"\n"
    );
    let hosts = [(); 2].map(|()| secured.setup(&table).start());
    for host in &hosts {
        host.wait_for_log(&[
            ROUTE,
            &format!("is shared with other hosts by rediss://localhost:{port}"),
        ]);
    }
    assert_shared(&hosts[0], &hosts[1], "in private");
    let (mut there, ..) = join(&hosts[1], "");
    let mut speaker = Client::connect(&hosts[0], &format!("{ROUTE}?silent"));
    // More than one record, and more than one batch.
    speaker.send("flood 0 100 60000");
    for _ in 0..100 {
        assert_eq!(kept(&mut there).1.len(), 60_000);
    }
    secured.redis.freeze();
    hosts[0].wait_for_log(&[ROUTE, "is away: it has not answered within"]);
    secured.redis.thaw();
    speaker.send("say behind");
    assert_eq!(kept(&mut there).1, "behind");
}

#[test]
fn a_redis_that_is_not_trusted_or_speaks_no_tls_is_told() {
    let secured = Secured::start();
    let plain = Redis::on_free_port(&["--appendonly", "no"]);
    let (port, plain) = (secured.port, plain.port());
    let shown = "certificate_file = \"host.crt\"\nkey_file = \"host.key\"\n";
    for (redis, told) in [
        (
            format!("url = \"rediss://localhost:{port}\"\nca_file = \"other.crt\"\n{shown}"),
            "there is no TLS with it: invalid peer certificate: ",
        ),
        (
            format!("url = \"rediss://localhost:{port}\"\n{shown}"),
            "there is no TLS with it: invalid peer certificate: UnknownIssuer",
        ),
        (
            format!("url = \"rediss://127.0.0.1:{port}\"\nca_file = \"ca.crt\"\n{shown}"),
            "there is no TLS with it: invalid peer certificate: certificate not valid for name \"127.0.0.1\"",
        ),
        (
            format!("url = \"rediss://localhost:{port}\"\nca_file = \"ca.crt\"\n"),
            "CertificateRequired",
        ),
        (
            format!("url = \"rediss://localhost:{plain}\"\nca_file = \"ca.crt\"\n"),
            "there is no TLS with it: ",
        ),
        (
            format!("url = \"redis://127.0.0.1:{port}\"\n"),
            "redis.url redis://127.0.0.1:",
        ),
    ] {
        let found = problems_of(secured.setup(&redis));
        assert!(found.contains(told), "{redis}: {found}");
        let server = secured.setup(&redis).start();
        server.wait_for_log(&[ROUTE, "is away: "]);
    }
}

pub(crate) const PAIR: &[&str] = &["--appendonly", "no", "--repl-diskless-sync-delay", "0"];

pub(crate) fn replica_of(master: &Redis) -> Redis {
    let replica = Redis::on_free_port(PAIR);
    replica.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
    follows(&replica);
    replica
}

#[track_caller]
fn follows(replica: &Redis) {
    wait_until("the replica follows", || {
        replica
            .ask("INFO replication")
            .contains("master_link_status:up")
    });
}

#[track_caller]
pub(crate) fn has_all(replica: &Redis, master: &Redis) {
    wait_until("the replica has it", || {
        replica.ask("XLEN detent:/annals") == master.ask("XLEN detent:/annals")
    });
}

/// Hosts find the master among several by themselves, and of two the one that has been the master last.
#[test]
fn of_several_addresses_the_master_is_taken_and_followed() {
    let mut master = Redis::on_free_port(PAIR);
    let replica = replica_of(&master);
    let table = format!("url = [\"{}\", \"{}\"]\n", master.url(), replica.url());
    let hosts = [(); 2].map(|()| setup(&table).start());
    let [one, other] = &hosts;
    assert_shared(one, other, "before");
    has_all(&replica, &master);
    let (mut there, ..) = join(other, "");
    master.kill();
    one.wait_for_log(&[
        ROUTE,
        "is away: none of them can be used: ",
        "it is a replica",
    ]);
    replica.ask("REPLICAOF NO ONE");
    let mut speaker = Client::connect(one, &format!("{ROUTE}?silent"));
    speaker.send("say after");
    assert_eq!(
        kept(&mut there).1,
        "after",
        "nothing is lost, and nobody is closed"
    );
    for host in &hosts {
        assert_eq!(host.count_log(&["gap: "]), 0, "{}", host.log());
    }
    // The old one comes back, is empty and still calls itself the master, and stands first.
    master.start_again();
    let third = setup(&table).start();
    let told = third.wait_for_log(&[ROUTE, "is shared with other hosts by "]);
    assert!(told.contains(&replica.url()), "{told}");
    assert_shared(&third, one, "with all others");
    let status = Admin::of(&third).json("/status.json");
    let routes = status["routes"].as_array().expect("routes");
    let route = routes.iter().find(|route| route["path"] == ROUTE);
    let engine = &route.expect("it is served")["engine"];
    assert_eq!(engine["server"], replica.url());
    assert_eq!(
        engine["address"],
        format!("{}, {}", master.url(), replica.url())
    );
}

/// A real Sentinel lets the replica take the place of a master that was killed; hosts follow, and nobody touches them.
#[test]
fn hosts_follow_a_sentinel_to_the_next_master() {
    let mut master = Redis::on_free_port(PAIR);
    let replica = replica_of(&master);
    let sentinel = Sentinel::watching(master.port());
    let port = sentinel.port();
    // One that is away is passed over.
    let table = format!(
        "url = [\"redis://127.0.0.1:1\", \"redis://127.0.0.1:{port}\"]\nsentinel = \"mymaster\"\n"
    );
    let hosts = [(); 2].map(|()| setup(&table).start());
    let [one, other] = &hosts;
    let told = one.wait_for_log(&[ROUTE, "is shared with other hosts by "]);
    assert!(told.contains(&master.url()), "{told}");
    let (mut there, ..) = join(other, "");
    let mut speaker = Client::connect(one, &format!("{ROUTE}?silent"));
    for number in 0..100 {
        speaker.send(&format!("say {number}"));
    }
    let heard: Vec<_> = (0..100).map(|_| kept(&mut there)).collect();
    has_all(&replica, &master);
    master.kill();
    // Said while there is no master: it waits for the next.
    speaker.send("say meanwhile");
    assert_eq!(kept(&mut there).1, "meanwhile");
    for host in &hosts {
        assert_eq!(host.count_log(&["gap: "]), 0, "{}", host.log());
        let (mut back, how, _) = join(host, &format!("since={}", heard[49].0));
        assert_eq!(how, "recovered");
        for before in &heard[50..] {
            assert_eq!(&kept(&mut back), before);
        }
    }
    let wrong = table.replace("mymaster", "nobody");
    let found = problems_of(setup(&wrong));
    assert!(
        found.contains("it knows no master by the name nobody"),
        "{found}"
    );
    let wrong = format!("url = \"{}\"\nsentinel = \"mymaster\"\n", replica.url());
    let found = problems_of(setup(&wrong));
    assert!(
        found.contains("it is no Sentinel: name one with its port"),
        "{found}"
    );
}
