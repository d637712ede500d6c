//! What is wrong: each problem with its place and what to do, and all of them at once.

use super::{load, problems};

#[test]
fn each_value_has_a_form() {
    for (text, expected) in [
        (
            "strict = 1",
            "1:10: `strict`: 1 is neither true nor false: ",
        ),
        (
            "library_loads_max = \"5\"",
            "1:21: `library_loads_max`: \"5\" is no number: ",
        ),
        (
            "listen = \"127.0.0.1:1\"",
            "1:10: `listen`: \"127.0.0.1:1\" is no list: ",
        ),
        (
            "listen = [\"here:1\"]",
            "1:11: `listen`: \"here:1\" is no address to listen on: ",
        ),
        (
            "listen = []",
            "1:10: `listen`: no address is left to listen on: ",
        ),
        ("plugins = \"\"", "1:11: `plugins`: \"\" is no text: "),
        (
            "log.level = \"loud\"",
            "1:13: `level`: \"loud\" is no log level: ",
        ),
        (
            "log.levels = { \"plugin::chat\" = \"loud\" }",
            "1:33: `levels`: \"loud\" is no log level: ",
        ),
        (
            "[log.levels]\nserver = \"info\"\n\"plugins::chat\" = \"info\"",
            "3:1: `levels`: \"plugins::chat\" is no target of this log: ",
        ),
        (
            "log.levels = { \"plugin::\" = \"info\" }",
            "1:16: `levels`: \"plugin::\" is no target of this log: ",
        ),
        (
            "log.levels = \"warn\"",
            "1:14: `levels`: \"warn\" is no table: ",
        ),
        (
            "log.format = \"xml\"",
            "1:14: `format`: \"xml\" is no log format: ",
        ),
        ("log = 5", "1:7: `log`: 5 is no table: write [log] "),
        (
            "proxy.trusted = [\"::/129\"]",
            "1:18: `trusted`: \"::/129\" is no network: ",
        ),
        (
            "limits.head = \"16 kilo\"",
            "1:15: `head`: \"16 kilo\" is no size: ",
        ),
        ("limits.body = -1", "1:15: `body`: -1 is no size: "),
        (
            "client.origins = [\"a.example\"]",
            "1:19: `origins`: \"a.example\" is no origin: ",
        ),
        (
            "client.slow_client = \"wait\"",
            "1:22: `slow_client`: \"wait\" is no way to ",
        ),
        (
            "route = 1",
            "1:9: `route`: 1 is no list of tables: write [[route]] ",
        ),
    ] {
        let found = problems(text);
        let expected = format!("detent.toml:{expected}");
        assert!(found.starts_with(&expected), "{found}\n{expected}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
    assert_eq!(
        problems("[client]\nping_interval = 25"),
        "detent.toml:2:17: `ping_interval`: 25 is no time: write it with a unit, such as \"25s\""
    );
}

#[test]
fn each_range_has_two_ends() {
    for (key, least, below, most, above) in [
        ("library_loads_max", "1", "0", "900", "901"),
        ("stop_timeout", "\"1ms\"", "\"0s\"", "\"1day\"", "\"25h\""),
        ("limits.connections", "1", "0", "1048576", "1048577"),
        (
            "limits.connections_per_address",
            "0",
            "-1",
            "1048576",
            "1048577",
        ),
        ("limits.handshakes", "1", "0", "1048576", "1048577"),
        ("limits.head", "\"1 KiB\"", "1023", "\"60 KiB\"", "61441"),
        ("limits.headers", "1", "0", "1000", "1001"),
        ("limits.body", "0", "-1", "\"64 MiB\"", "\"65 MiB\""),
        (
            "limits.route_queue",
            "\"64 KiB\"",
            "65535",
            "\"1 GiB\"",
            "\"1025 MiB\"",
        ),
        (
            "limits.handshake_timeout",
            "\"1ms\"",
            "\"0s\"",
            "\"1day\"",
            "\"25h\"",
        ),
        (
            "limits.keep_alive_timeout",
            "\"0s\"",
            "\"1us\"",
            "\"1day\"",
            "\"25h\"",
        ),
        ("log.client_rate", "0", "-1", "1000000", "1000001"),
        ("log.client_burst", "1", "0", "1000000", "1000001"),
        ("client.message", "1", "0", "\"1 GiB\"", "\"2 GiB\""),
        ("client.backlog", "\"1 KiB\"", "1", "\"1 GiB\"", "\"2 GiB\""),
        (
            "client.messages_per_second",
            "0",
            "-1",
            "1000000",
            "1000001",
        ),
        (
            "client.bytes_per_second",
            "0",
            "-1",
            "\"64 GiB\"",
            "\"65 GiB\"",
        ),
        (
            "client.ping_interval",
            "\"0s\"",
            "\"1us\"",
            "\"1day\"",
            "\"25h\"",
        ),
        (
            "client.pong_timeout",
            "\"1ms\"",
            "\"0s\"",
            "\"1day\"",
            "\"25h\"",
        ),
        (
            "client.idle_timeout",
            "\"0s\"",
            "\"1us\"",
            "\"30days\"",
            "\"31days\"",
        ),
        (
            "client.write_timeout",
            "\"1ms\"",
            "\"0s\"",
            "\"1day\"",
            "\"25h\"",
        ),
        (
            "client.close_timeout",
            "\"1ms\"",
            "\"0s\"",
            "\"1day\"",
            "\"25h\"",
        ),
        (
            "client.lifetime",
            "\"0s\"",
            "\"1us\"",
            "\"30days\"",
            "\"31days\"",
        ),
    ] {
        for inside in [least, most] {
            super::valid(&format!("{key} = {inside}"));
        }
        for outside in [below, above] {
            let found = problems(&format!("{key} = {outside}"));
            let (column, last) = (key.len() + 4, key.rsplit('.').next().unwrap_or(key));
            let expected = format!("detent.toml:1:{column}: `{last}`: {outside} is ");
            assert!(found.starts_with(&expected), "{found}");
        }
    }
    assert_eq!(
        problems("[client]\nmessage = \"2 GiB\""),
        "detent.toml:2:11: `message`: \"2 GiB\" is more than 1 GiB, the most that is allowed"
    );
    let found = problems("client.ping_interval = \"1us\"");
    assert!(
        found.ends_with("less than 1ms, the least that is allowed beside 0s"),
        "{found}"
    );
}

#[test]
fn unknown_keys_at_each_level_suggest_the_near_one() {
    let text = "lisen = 1\n[log]\nlevle = 1\n[limit]\n[client]\nmesage = 1\n[[route]]\n\
                path = \"/a\"\nplugin = \"a\"\nbaklog = 1\nzebra = 1\n";
    let found = problems(text);
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "detent.toml:1:1: unknown key `lisen`: did you mean `listen`?",
            "detent.toml:3:1: unknown key `levle`: did you mean `level`?",
            "detent.toml:4:2: unknown key `limit`: did you mean `limits`?",
            "detent.toml:6:1: unknown key `mesage`: did you mean `message`?",
            "detent.toml:10:1: unknown key `baklog`: did you mean `backlog`?",
        ]
    );
    let known = "detent.toml:11:1: unknown key `zebra`: known here are path, plugin, ";
    assert!(lines[5].starts_with(known), "{found}");
    assert_eq!(
        problems("[log]\nlisten = []"),
        "detent.toml:2:1: unknown key `listen`: it belongs at the top, before the first [table]"
    );
    assert_eq!(
        problems("ping_interval = \"5s\""),
        "detent.toml:1:1: unknown key `ping_interval`: it belongs under [client]"
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file_and_the_command_line_last() {
    let text = "[client]\nmesage = 1\nping_interval = 25\n[log]\nlevel = 5\n";
    let arguments = [
        "--stop-timeout=0s",
        "--max-message=much",
        "--set=x",
        "--set=y",
    ];
    let found = load(text, &arguments).expect_err("much is wrong");
    let starts: Vec<_> = found
        .lines()
        .map(|line| line.split(": ").next().unwrap_or_default())
        .collect();
    let expected = [
        "detent.toml:2:1",
        "detent.toml:3:17",
        "detent.toml:5:9",
        "--max-message",
        "--set",
        "--set",
        "--stop-timeout",
    ];
    assert_eq!(starts, expected, "{found}");
}

#[test]
fn columns_count_characters() {
    let found = problems("log = { file = \"Grüße\", level = 1 }");
    assert!(
        found.starts_with("detent.toml:1:33: `level`: 1 is "),
        "{found}"
    );
}

#[test]
fn what_is_no_toml_has_a_place() {
    let found = problems("strict = false\nlisten = [\n");
    assert!(
        found.starts_with("detent.toml:2:11: this is no TOML: "),
        "{found}"
    );
    let found = problems("strict = false\nstrict = true\n");
    assert!(
        found.starts_with("detent.toml:2:1: this is no TOML: duplicate key"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn what_makes_no_sense_together_is_told() {
    for (text, expected) in [
        (
            "client.messages_burst = 5",
            "1:25: `messages_burst`: has no effect without a rate: ",
        ),
        (
            "client.bytes_burst = 5",
            "1:22: `bytes_burst`: has no effect without a rate: ",
        ),
        (
            "client = { bytes_per_second = 10, bytes_burst = 5 }",
            "1:49: `bytes_burst`: 5 is less than `message`, so that a message of 64 KiB could ",
        ),
        (
            "client.lifetime_jitter = \"5s\"",
            "1:26: `lifetime_jitter`: has no effect without ",
        ),
        (
            "listen = [\"127.0.0.1:8\", \"127.0.0.1:8\"]",
            "1:26: `listen`: \"127.0.0.1:8\" is taken by 127.0.0.1:8 already: ",
        ),
        (
            "listen = [\"0.0.0.0:8\", \"127.0.0.1:8\"]",
            "1:24: `listen`: \"127.0.0.1:8\" is taken by 0.0.0.0:8 already: ",
        ),
        (
            "listen = [\"[::1]:8\", \":8\"]",
            "1:22: `listen`: \":8\" is taken by [::1]:8 already: ",
        ),
        (
            "listen = [\"127.0.0.1:8\"]\n[[listener]]\naddress = \"127.0.0.1:8\"",
            "3:11: `address`: \"127.0.0.1:8\" is taken by 127.0.0.1:8 already: ",
        ),
        (
            "[[listener]]\ninside = true",
            "1:1: this listener has no `address`: ",
        ),
        (
            "[[listener]]\naddress = \"example.org:8\"",
            "2:11: `address`: \"example.org:8\" is no address to listen on: ",
        ),
        (
            "[[listener]]\naddress = \":9\"\ntls = true",
            "3:7: `tls`: true is no table: write [tls] and its keys under it",
        ),
        (
            "[[listener]]\naddress = \":9\"\ntls = { key = \"b\" }",
            "3:7: `certificate`: names no file: tls needs `certificate` and `key`",
        ),
        (
            "[[listener]]\naddress = \":9\"\ntls = { certificate = \"a\", key = [] }",
            "3:7: `key`: names no file: tls needs `certificate` and `key`",
        ),
        (
            "[[listener]]\naddress = \":9\"\ntls = { certificate = [\"a\", \"b\"], key = \"c\" }",
            "3:7: `key`: as many keys have to be there as certificates, ",
        ),
        (
            "[[listener]]\naddress = \":9\"\n[listener.tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_required = true",
            "6:19: `client_required`: has no effect without `client_ca`, ",
        ),
        (
            "[[listener]]\naddress = \":9\"\n[listener.tls]\ncertificate = \"a\"\nkey = \"b\"\nhsts = \"0s\"",
            "6:8: `hsts`: \"0s\" ",
        ),
        (
            "[[listener]]\naddress = \":9\"\n[listener.tls]\ncertificate = \"a\"\nkeys = \"b\"\nkey = \"b\"",
            "5:1: unknown key `keys`: did you mean `key`?",
        ),
        (
            "[[listener]]\naddress = \":9\"\nredirect = true",
            "3:12: `redirect`: no [[listener]] has `tls`, so that there is nowhere to send people to",
        ),
        (
            "[[listener]]\naddress = \":9\"\nredirect = true\ntls = { certificate = \"a\", key = \"b\" }",
            "3:12: `redirect`: has no effect on a listener that speaks TLS itself: ",
        ),
        (
            "listen = [\"unix:\"]",
            "1:11: `listen`: \"unix:\" is no address to listen on: ",
        ),
        (
            // Anybody could take an abstract name, or come by it.
            "listen = [\"unix:@detent\"]",
            "1:11: `listen`: \"unix:@detent\" is no address to listen on: ",
        ),
        (
            "listen = [\"unix:/\"]",
            "1:11: `listen`: unix:/ names a folder: ",
        ),
        (
            "listen = [\"unix:/run/a\", \"unix:/run//./a\"]",
            "1:26: `listen`: \"unix:/run//./a\" is taken by unix:/run/a already: ",
        ),
        (
            "listen = [\"systemd:a\", \"systemd:a\"]",
            "1:24: `listen`: \"systemd:a\" is taken by systemd:a already: ",
        ),
        (
            "listen = [\"systemd:a:b\"]",
            "1:11: `listen`: \"systemd:a:b\" is no address to listen on: ",
        ),
        (
            "[[listener]]\naddress = \"systemd:a\"\nmode = \"660\"",
            "3:8: `mode`: has no effect here: the socket unit says it, ",
        ),
        (
            "[[listener]]\naddress = \"unix:/run/a\"\nreuse_port = true",
            "3:14: `reuse_port`: has an effect on a TCP address only: ",
        ),
        (
            "[[listener]]\naddress = \"127.0.0.1:9\"\nmode = \"660\"",
            "3:8: `mode`: has no effect on a TCP address, ",
        ),
        (
            "[[listener]]\naddress = \"unix:/run/a\"\nmode = 660",
            "3:8: `mode`: 660 is no permissions: write three octal digits in quotes",
        ),
        (
            "[[listener]]\naddress = \"unix:/run/a\"\nmode = \"1777\"",
            "3:8: `mode`: \"1777\" is no permissions: ",
        ),
        (
            "[[listener]]\naddress = \"unix:/run/a\"\nowner = \"no such user\"",
            "3:9: `owner`: this machine has no user \"no such user\": `getent passwd` lists ",
        ),
        (
            "[[listener]]\naddress = \"unix:/run/a\"\ngroup = \"no such group\"",
            "3:9: `group`: this machine has no group \"no such group\": `getent group` lists ",
        ),
        (
            "proxy.trusted = [\"unix:/run/a\"]",
            "1:18: `trusted`: \"unix:/run/a\" is no network: ",
        ),
        (
            "hosts = [\"https://example.org\"]",
            "1:10: `hosts`: \"https://example.org\" is no host: ",
        ),
        ("hosts = [\"h:80\"]", "1:10: `hosts`: \"h:80\" is no host: "),
        (
            "inside.networks = [\"here\"]",
            "1:20: `networks`: \"here\" is no network: ",
        ),
        (
            "inside.tokens_file = \"nowhere/at-all\"",
            "1:22: `tokens_file`: nowhere/at-all cannot be read: ",
        ),
    ] {
        let found = problems(text);
        let expected = format!("detent.toml:{expected}");
        assert!(found.starts_with(&expected), "{found}\n{expected}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
    let long = format!("listen = [\"unix:/{}\"]", "a".repeat(107));
    let found = problems(&long);
    assert!(
        found.contains(" has 108 bytes behind `unix:`, and "),
        "{found}"
    );
    super::valid(&long.replace("/a", "/"));
    super::valid("listen = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"0.0.0.0:8\", \"[::]:8\"]");
}

#[test]
fn routes_need_a_path_that_is_theirs_alone_and_a_plugin() {
    let route = |path: &str| format!("[[route]]\npath = \"{path}\"\nplugin = \"p\"\n");
    for (path, expected) in [
        ("chat", "does not begin with /: write \"/chat\""),
        ("/a b", "has a character that no path has"),
        ("/a?b", "has a character that no path has"),
        ("/a/{b}{c}", "has two parameters in one segment"),
        (
            "/a/{b",
            "has a parameter without a name or a brace without its partner",
        ),
        ("/{*b}/c", "has {*...} before its end"),
    ] {
        let found = problems(&route(path));
        let expected = format!("detent.toml:2:8: `path`: \"{path}\" {expected}");
        assert!(found.starts_with(&expected), "{found}\n{expected}");
    }
    let found = problems(&format!("{}{}", route("/room/{a}"), route("/room/{b}")));
    let expected = "detent.toml:5:8: `path`: \"/room/{b}\" matches the same as \"/room/{a}\" in \
                    line 2: remove one of the two";
    assert_eq!(found, expected);
    super::valid(&format!("{}{}", route("/room/{a}"), route("/room/lobby")));
    let found = problems("[[route]]\n");
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert!(
        lines[0].starts_with("detent.toml:1:1: this route has no `path`: add one"),
        "{found}"
    );
    assert!(
        lines[1].starts_with("detent.toml:1:1: this route has no `plugin`: "),
        "{found}"
    );
}

#[test]
fn options_and_subprotocols_of_a_route_are_checked() {
    let route = "[[route]]\npath = \"/a\"\nplugin = \"p\"\n";
    for (line, expected) in [
        ("options = 5", "4:11: `options`: this is no table: "),
        (
            "options = { a = inf }",
            "4:11: `options`: inf cannot be handed over as JSON: ",
        ),
        (
            "subprotocols = [\"a b\"]",
            "4:17: `subprotocols`: \"a b\" is no name of a subprotocol",
        ),
    ] {
        let found = problems(&format!("{route}{line}"));
        let expected = format!("detent.toml:{expected}");
        assert!(found.starts_with(&expected), "{found}\n{expected}");
    }
}

#[test]
fn what_was_written_cannot_steer_the_terminal() {
    let found = problems("log.level = \"\"\"a\n\nb\"\"\"");
    assert_eq!(found.lines().count(), 1, "{found}");
    let found = problems("\"a\\u001b\\nb\" = 1");
    assert!(found.contains("unknown key `a\\u{1b}\\nb`"), "{found}");
}

/// What stands in the log is read by more people than the file of settings is.
#[test]
fn a_secret_is_not_repeated() {
    for text in [
        "inside.tokens = [\"secret\"]",
        "inside.tokens = [\"secret secret secret\"]",
        "inside.tokens = \"secret-secret-secret-secret\"",
        "inside.tokens = [[\"secret-secret-secret-secret\"]]",
    ] {
        let found = problems(text);
        assert!(
            found.contains("`tokens`: what stands here is no "),
            "{found}"
        );
        assert!(!found.contains("secret"), "{found}");
    }
}
