//! What each key means, what stands where it is missing, and who wins.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use log::LevelFilter;
use serde_json::json;

use super::{load, parse, valid};
use crate::config::{Args, ClientSettings, InsideSettings, ListenerSettings, Settings};
use crate::logging::LogFormat;
use crate::outbox::SlowClient;

const SECOND: Duration = Duration::from_secs(1);

fn addresses(listeners: &[ListenerSettings]) -> Vec<String> {
    let addresses = listeners.iter().map(|one| one.listen.to_string());
    addresses.collect()
}

#[test]
fn nothing_said_is_the_defaults() {
    let Settings {
        listen,
        listeners,
        hosts,
        inside,
        is_strict,
        strict_modes,
        library_loads_max,
        default_routes,
        stop_timeout,
        log,
        trusted_proxies,
        limits,
        client,
        routes,
        ..
    } = valid("");
    assert_eq!(addresses(&listen), ["127.0.0.1:25252"]);
    assert!(listeners.is_empty() && hosts.is_empty());
    assert_eq!(inside, InsideSettings::default());
    assert!(!is_strict && strict_modes && default_routes && routes.is_empty());
    assert_eq!(library_loads_max, 500);
    assert_eq!(stop_timeout, 10 * SECOND);
    assert_eq!(log.level, LevelFilter::Info);
    assert_eq!(log.file, None);
    assert_eq!(log.format, LogFormat::Text);
    assert!(log.levels.is_empty());
    assert_eq!(
        (log.client_rate.per_second, log.client_rate.burst),
        (100, 2000)
    );
    assert!(trusted_proxies.has_unix);
    let proxies = trusted_proxies.networks.iter().map(ToString::to_string);
    let proxies: Vec<_> = proxies.collect();
    assert_eq!(proxies, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(limits.connections, None);
    assert_eq!(limits.connections_per_address, None);
    assert_eq!((limits.handshakes, limits.headers), (1000, 100));
    assert_eq!((limits.head_bytes, limits.body_bytes), (16384, 65536));
    assert_eq!(limits.handshake_timeout, 10 * SECOND);
    assert_eq!(limits.keep_alive_timeout, 15 * SECOND);
    assert_eq!(limits.route_queue_bytes, 1 << 20);
    assert_eq!(*client, ClientSettings::default());
    assert_eq!(client.message_bytes_max, 65536);
    assert_eq!(client.backlog_bytes_max, 1 << 20);
    assert_eq!(client.slow_client, SlowClient::Close);
    assert_eq!(
        (client.messages_burst(), client.bytes_burst()),
        (None, None)
    );
    assert_eq!(client.ping_interval, Some(25 * SECOND));
    assert_eq!(client.pong_timeout, 10 * SECOND);
    assert_eq!((client.idle_timeout, client.lifetime), (None, None));
    assert_eq!(client.write_timeout, 30 * SECOND);
    assert_eq!(client.close_timeout, 5 * SECOND);
    assert_eq!(client.lifetime_jitter, Duration::ZERO);
}

#[test]
fn every_key_of_the_server_is_taken() {
    let settings = valid(
        r#"
        listen = ["0.0.0.0:80", "[::]:80"]
        hosts = ["Example.org", "bücher.example", "10.0.0.5", "::5", "[::6]"]
        strict = true
        strict_modes = false
        library_loads_max = 900
        default_routes = false
        stop_timeout = "1min 30s"
        log = { level = "debug", file = "log/here", format = "json", levels = { "plugin::chat" = "off", server = "trace" }, client_rate = 0, client_burst = 7 }
        proxy.trusted = ["10.1.2.3/8", "2001:db8::1"]
        inside.networks = ["192.0.2.9/24", "::1"]
        inside.tokens = ["0123456789abcdef"]
        [limits]
        connections = 7
        connections_per_address = 3
        handshakes = 2
        head = 1024
        headers = 1000
        body = "0 B"
        handshake_timeout = "1ms"
        keep_alive_timeout = "0s"
        route_queue = "64 KiB"
        [[listener]]
        address = "127.0.0.1:81"
        inside = true
        [[listener]]
        address = "[::1]:81"
        proxy_protocol = true
        [[listener]]
        address = "unix:here.sock"
        mode = "0600"
        owner = "root"
        group = "12"
        "#,
    );
    assert_eq!(addresses(&settings.listen), ["0.0.0.0:80", "[::]:80"]);
    // As all paths of the file, from its folder on.
    let here = std::path::absolute("folder/here.sock").expect("a working directory");
    let here = format!("unix:{}", here.display());
    assert_eq!(
        addresses(&settings.listeners),
        ["127.0.0.1:81", "[::1]:81", &here]
    );
    let access = settings.listeners[2].access;
    assert_eq!(
        (access.mode, access.owner, access.group),
        (0o600, Some(0), Some(12))
    );
    let entries = settings.all_listeners().into_iter();
    let entries = entries.map(|one| (one.entry.is_inside, one.entry.has_proxy_protocol));
    let plain = (false, false);
    assert_eq!(
        entries.collect::<Vec<_>>(),
        [plain, plain, (true, false), (false, true), plain]
    );
    let hosts = settings.hosts.iter().map(ToString::to_string);
    let expected = [
        "example.org",
        "xn--bcher-kva.example",
        "10.0.0.5",
        "[::5]",
        "[::6]",
    ];
    assert_eq!(hosts.collect::<Vec<_>>(), expected);
    let networks = settings.inside.networks.iter().map(ToString::to_string);
    assert_eq!(networks.collect::<Vec<_>>(), ["192.0.2.0/24", "::1/128"]);
    assert_eq!(settings.inside.tokens.len(), 1);
    assert!(settings.is_strict && !settings.strict_modes && !settings.default_routes);
    assert_eq!(settings.library_loads_max, 900);
    assert_eq!(settings.stop_timeout, 90 * SECOND);
    assert_eq!(settings.log.level, LevelFilter::Debug);
    let file = settings.log.file.expect("it was named");
    assert_eq!(file, Path::new("folder/log/here"), "from the file's folder");
    assert_eq!(settings.log.format, LogFormat::Json);
    let levels: Vec<_> = settings.log.levels.into_iter().collect();
    let named = |name: &str, level| (name.to_owned(), level);
    let expected = [
        named("plugin::chat", LevelFilter::Off),
        named("server", LevelFilter::Trace),
    ];
    assert_eq!(levels, expected);
    let rate = settings.log.client_rate;
    assert_eq!((rate.per_second, rate.burst), (0, 7));
    assert!(!settings.trusted_proxies.has_unix);
    let networks = settings.trusted_proxies.networks.iter();
    let networks = networks.map(ToString::to_string);
    assert_eq!(
        networks.collect::<Vec<_>>(),
        ["10.0.0.0/8", "2001:db8::1/128"]
    );
    let limits = settings.limits;
    assert_eq!(limits.connections, Some(7));
    assert_eq!(limits.connections_per_address, Some(3));
    assert_eq!((limits.handshakes, limits.headers), (2, 1000));
    assert_eq!((limits.head_bytes, limits.body_bytes), (1024, 0));
    assert_eq!(limits.handshake_timeout, Duration::from_millis(1));
    assert_eq!(limits.keep_alive_timeout, Duration::ZERO);
    assert_eq!(limits.route_queue_bytes, 1 << 16);
}

#[test]
fn a_route_takes_over_what_it_does_not_say() {
    let settings = valid(
        r#"
        [client]
        message = "1 KiB"
        messages_per_second = 5
        messages_burst = 50
        ping_interval = "0s"
        [[route]]
        path = "/a"
        plugin = "chat"
        [[route]]
        path = "/room/{name}"
        plugin = "chat"
        subprotocols = ["v1"]
        message = "2 KiB"
        origins = ["https://a.example"]
        backlog = "2 KiB"
        slow_client = "drop"
        bytes_per_second = 10
        pong_timeout = "1s"
        idle_timeout = "2s"
        write_timeout = "3s"
        close_timeout = "4s"
        lifetime = "5s"
        lifetime_jitter = "6s"
        [route.options]
        day = 2026-01-02
        deep = { list = [1, 0.5, "x", true] }
        "#,
    );
    let [first, second] = &settings.routes[..] else {
        panic!("two routes");
    };
    assert_eq!(first.client, settings.client);
    assert_eq!((first.place.line, first.place.column), (7, 9));
    assert_eq!(first.client.messages_burst(), Some(50));
    assert_eq!(first.client.ping_interval, None);
    assert_eq!(
        (first.subprotocols.as_ref(), first.options.len()),
        (None, 0)
    );
    let client = &second.client;
    assert_eq!(
        (second.path.as_str(), second.plugin.as_str()),
        ("/room/{name}", "chat")
    );
    assert_eq!(second.subprotocols, Some(vec!["v1".to_owned()]));
    assert_ne!(client.origins, first.client.origins);
    assert_eq!(
        (client.message_bytes_max, client.backlog_bytes_max),
        (2048, 2048)
    );
    assert_eq!(client.slow_client, SlowClient::Drop);
    assert_eq!(client.messages, first.client.messages);
    assert_eq!(
        client.bytes_burst(),
        Some(2048),
        "room for the largest message"
    );
    assert_eq!(client.pong_timeout, SECOND);
    assert_eq!(client.idle_timeout, Some(2 * SECOND));
    assert_eq!(client.write_timeout, 3 * SECOND);
    assert_eq!(client.close_timeout, 4 * SECOND);
    assert_eq!(client.lifetime, Some(5 * SECOND));
    assert_eq!(client.lifetime_jitter, 6 * SECOND);
    let options = json!({ "day": "2026-01-02", "deep": { "list": [1, 0.5, "x", true] } });
    assert_eq!(json!(second.options), options);
}

#[test]
fn the_command_line_wins_over_the_file() {
    let text = r#"
        listen = ["127.0.0.1:1"]
        stop_timeout = "1s"
        plugins = "q"
        log = { level = "debug", file = "a" }
        [client]
        origins = ["https://a.example"]
        message = 1
        [[route]]
        path = "/a"
        plugin = "chat"
        message = 2
        options = { kept = 1, changed = 2 }
        "#;
    let arguments = [
        "--listen=127.0.0.1:2",
        "--listen=127.0.0.1:3",
        "--stop-timeout=2s",
        "--log-level=warn",
        "--log-file=b",
        "--log-format=json",
        "--allow-origin=*",
        "--max-message=3",
        "--max-backlog=4KiB",
        "--max-connections=5",
        "--handshake-timeout=6s",
        "--ping-interval=7s",
        "--pong-timeout=8s",
        "--strict",
        "--set=chat.changed=3",
    ];
    let settings = load(text, &arguments).expect("all of it is valid");
    assert_eq!(settings.plugins, Path::new("p"));
    assert_eq!(addresses(&settings.listen), ["127.0.0.1:2", "127.0.0.1:3"]);
    assert_eq!(settings.stop_timeout, 2 * SECOND);
    assert_eq!(settings.log.level, LevelFilter::Warn);
    assert_eq!(settings.log.file.as_deref(), Some(Path::new("b")));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert!(settings.is_strict);
    assert_eq!(settings.limits.connections, Some(5));
    assert_eq!(settings.limits.handshake_timeout, 6 * SECOND);
    assert_ne!(settings.client.origins, valid(text).client.origins);
    assert_eq!(settings.client.message_bytes_max, 3);
    assert_eq!(settings.client.backlog_bytes_max, 4096);
    assert_eq!(settings.client.ping_interval, Some(7 * SECOND));
    assert_eq!(settings.client.pong_timeout, 8 * SECOND);
    let route = &settings.routes[0];
    assert_eq!(route.client, settings.client, "on every route too");
    assert_eq!(json!(route.options), json!({ "kept": 1, "changed": 3 }));
    assert_eq!(settings.options.json("chat"), r#"{"changed":3}"#);
}

#[test]
fn the_file_may_name_the_plugins_and_somebody_has_to() {
    let args = Args::try_parse_from(["server"]).expect("no option is required");
    let settings = parse("plugins = \"q\"", &args).expect("it names them");
    assert_eq!(settings.plugins, Path::new("folder/q"));
    let missing = parse("", &args).expect_err("nobody names them");
    assert!(missing.starts_with("--plugins: "), "{missing}");
    assert!(missing.contains("--plugins DIR") && missing.contains("--config"));
}

#[test]
fn one_text_may_stand_for_both_families() {
    for (text, expected) in [
        ("localhost:8", vec!["127.0.0.1:8", "[::1]:8"]),
        ("LOCALHOST:8", vec!["127.0.0.1:8", "[::1]:8"]),
        (":8", vec!["0.0.0.0:8", "[::]:8"]),
        ("*:8", vec!["0.0.0.0:8", "[::]:8"]),
        ("[::]:8", vec!["[::]:8"]),
        ("0.0.0.0:8", vec!["0.0.0.0:8"]),
    ] {
        let settings = load("", &["--listen", text]).expect("it is valid");
        assert_eq!(addresses(&settings.listen), expected, "{text}");
        // A machine without IPv6 serves the other half.
        let optional = settings.listen.iter().map(|one| one.is_optional);
        let is_second = (0..expected.len()).map(|index| index == 1);
        assert!(optional.eq(is_second), "{text}");
    }
}

#[test]
fn a_listener_of_its_own_may_have_the_default_address_or_be_the_only_one() {
    let own = "[[listener]]\naddress = \"127.0.0.1:25252\"\ninside = true\n";
    assert!(valid(own).listen.is_empty());
    let other = "[[listener]]\naddress = \"127.0.0.1:25253\"\n";
    assert_eq!(addresses(&valid(other).listen), ["127.0.0.1:25252"]);
    let only = format!("listen = []\n{other}");
    assert_eq!(
        addresses(&valid(&only).all_listeners()),
        ["127.0.0.1:25253"]
    );
}

#[test]
fn a_unix_socket_is_for_its_owner_and_group_and_begins_where_it_is_named() {
    let settings = load("", &["--listen", "unix:a.sock", "--listen", "unix:/b/../c"]);
    let settings = settings.expect("it is valid");
    let here = std::path::absolute("a.sock").expect("a working directory");
    let here = format!("unix:{}", here.display());
    assert_eq!(addresses(&settings.listen), [here.as_str(), "unix:/b/../c"]);
    let access = settings.listen[0].access;
    assert_eq!(
        (access.mode, access.owner, access.group),
        (0o660, None, None)
    );
}
