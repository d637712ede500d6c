//! Whose a request is, and who is inside, by every way in and every header.

use std::net::IpAddr;

use super::{Found, Rules, of};
use crate::http::HttpLimits;
use crate::http::host::Host;
use crate::http::inside::{Inside, Tokens};
use crate::http::peer::{Arrival, Credentials, Entry, Peer, Remote, Trusted};
use crate::http::request::Request;

fn networks(texts: &[&str]) -> Vec<ipnet::IpNet> {
    let networks = texts.iter().map(|text| text.parse());
    networks.collect::<Result<_, _>>().expect("networks")
}

fn rules(inside: Inside) -> Rules {
    Rules {
        trusted_proxies: Trusted {
            networks: networks(&["127.0.0.0/8", "::1/128", "10.0.0.2/32"]),
            has_unix: true,
        },
        inside,
        hosts: vec![Host::parse("push.example").expect("a name")],
    }
}

fn found(arrival: Arrival, host: &str, headers: &[u8], rules: &Rules) -> Found {
    let host = match host {
        "" => "GET / HTTP/1.0\r\n".to_owned(),
        host => format!("GET / HTTP/1.1\r\nHost: {host}\r\n"),
    };
    let head = [host.as_bytes(), headers, b"\r\n"].concat();
    let socket = arrival.peer.remote();
    let request = Request::parse(&head, socket, HttpLimits::default()).expect("well-formed");
    let local: IpAddr = [10, 0, 0, 1].into();
    of(&request, &arrival, || Some(local), rules)
}

fn remote(text: &str) -> Remote {
    Remote::Tcp(text.parse().expect("an address"))
}

/// nginx, which runs as user 33.
const BY_UNIX: Remote = Remote::Unix(Credentials {
    pid: 812,
    uid: 33,
    gid: 33,
});

fn tcp(peer: &str) -> Arrival {
    Arrival {
        peer: Peer::Direct(remote(peer)),
        entry: Entry::default(),
    }
}

fn address(peer: &str, headers: impl AsRef<[u8]>) -> String {
    let rules = rules(Inside::default());
    let found = found(tcp(peer), "localhost", headers.as_ref(), &rules);
    found.client.to_string()
}

#[test]
fn only_a_proxy_of_ours_is_believed() {
    let headers = "X-Forwarded-For: 198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n";
    assert_eq!(address("127.0.0.1:1", headers), "198.51.100.7");
    assert_eq!(address("192.0.2.1:1", headers), "192.0.2.1");
    assert_eq!(address("192.0.2.1:1", "X-Real-IP: \u{ff}\r\n"), "192.0.2.1");
    assert_eq!(address("[::ffff:192.0.2.1]:1", ""), "192.0.2.1");
}

#[test]
fn the_address_that_our_proxy_saw_counts_not_what_the_client_wrote() {
    for (list, expected) in [
        ("203.0.113.66, 198.51.100.7, 127.0.0.1", "198.51.100.7"),
        ("198.51.100.7:52383", "198.51.100.7"),
        ("127.0.0.1, 10.0.0.2", "127.0.0.1"),
        // Readable again only where nothing unreadable stands behind it.
        ("nonsense, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, nonsense", "unknown"),
        ("198.51.100.7, nonsense, 10.0.0.2", "unknown"),
    ] {
        let headers = format!("X-Forwarded-For: {list}\r\n");
        assert_eq!(address("127.0.0.1:1", headers), expected, "{list}");
    }
}

/// It was the proxy's own address, which no limit counts.
#[test]
fn what_cannot_be_read_is_unknown() {
    for headers in [
        b"X-Forwarded-For: \xff\r\n".as_slice(),
        b"X-Forwarded-For: \xff\r\nX-Real-IP: 127.0.0.1\r\n",
        b"X-Real-IP: nobody\r\n",
        b"X-Real-IP: \xff\r\n",
        b"Forwarded: for=_hidden\r\n",
        b"Forwarded: by=10.0.0.2\r\n",
    ] {
        assert_eq!(address("127.0.0.1:1", headers), "unknown", "{headers:?}");
    }
    assert_eq!(address("127.0.0.1:1", "Via: 1.1 proxy\r\n"), "127.0.0.1");
    assert_eq!(address("127.0.0.1:1", ""), "127.0.0.1");
    assert_eq!(
        address("[::1]:1", "X-Real-IP: [2001:db8::1]:4444\r\n"),
        "2001:db8::1"
    );
}

#[track_caller]
fn is_inside(arrival: Arrival, host: &str, headers: &str, inside: &Inside) -> bool {
    let rules = rules(inside.clone());
    found(arrival, host, headers.as_bytes(), &rules).may_be_inside
}

#[test]
fn by_the_guess_it_is_this_machine_without_traces_of_a_proxy() {
    let guess = Inside::default();
    let inside = |peer: &str, headers: &str| is_inside(tcp(peer), "localhost:1", headers, &guess);
    assert!(inside("127.0.0.1:1", ""));
    assert!(inside("[::1]:1", ""));
    assert!(inside("[::ffff:127.0.0.1]:1", ""));
    assert!(!inside("192.0.2.1:1", ""));
    assert!(!inside("10.0.0.2:1", ""), "a proxy on another machine");
    for header in [
        "X-Real-IP: ::1",
        "X-Forwarded-Proto: http",
        "Via: 1.1 p",
        "CF-Connecting-IP: ::1",
    ] {
        assert!(!inside("127.0.0.1:1", &format!("{header}\r\n")), "{header}");
    }
    let relayed = |client| Arrival {
        peer: Peer::Relayed {
            proxy: remote("127.0.0.1:1"),
            client,
        },
        entry: Entry::default(),
    };
    for client in [None, Some(remote("127.0.0.1:5"))] {
        assert!(!is_inside(relayed(client), "localhost", "", &guess));
    }
}

/// A page whose name was made to mean 127.0.0.1 asks for that name, with an origin that looks like its own.
#[test]
fn a_name_that_is_not_this_machines_is_never_inside() {
    let everyone = Inside {
        has_listener: true,
        networks: networks(&["0.0.0.0/0"]),
        tokens: Tokens::default(),
    };
    let by_listener = Arrival {
        entry: Entry {
            is_inside: true,
            ..Entry::default()
        },
        ..tcp("127.0.0.1:1")
    };
    let guess = Inside::default();
    for (host, is_local) in [
        ("localhost", true),
        ("LOCALHOST.:25252", true),
        ("app.localhost", true),
        ("127.0.0.1:25252", true),
        ("127.9.9.9", true),
        ("[::1]:25252", true),
        ("[::ffff:127.0.0.1]", true),
        ("10.0.0.1:25252", true),
        ("10.0.0.9", false),
        ("0.0.0.0", false),
        ("attacker.example:25252", false),
        ("localhost.attacker.example", false),
        ("notlocalhost", false),
        ("127.0.0.1.attacker.example", false),
        ("", false),
    ] {
        for (arrival, inside) in [
            (tcp("127.0.0.1:1"), &guess),
            (tcp("127.0.0.1:1"), &everyone),
            (by_listener, &everyone),
        ] {
            assert_eq!(is_inside(arrival, host, "", inside), is_local, "{host}");
        }
    }
    // A name of the settings proves nothing where a proxy may be silent.
    assert!(!is_inside(tcp("127.0.0.1:1"), "push.example", "", &guess));
    assert!(is_inside(
        tcp("127.0.0.1:1"),
        "push.example:1",
        "",
        &everyone
    ));
    assert!(is_inside(by_listener, "push.example", "", &everyone));
}

#[test]
fn a_word_in_the_settings_turns_the_guess_off() {
    let listener = Inside {
        has_listener: true,
        ..Inside::default()
    };
    assert!(!is_inside(tcp("127.0.0.1:1"), "localhost", "", &listener));
    let network = Inside {
        networks: networks(&["192.0.2.0/24"]),
        ..Inside::default()
    };
    assert!(!is_inside(tcp("127.0.0.1:1"), "localhost", "", &network));
    assert!(is_inside(tcp("192.0.2.5:1"), "10.0.0.1:1", "", &network));
    let tokens = Inside {
        tokens: Tokens::new(["sesame-sesame-sesame"]),
        ..Inside::default()
    };
    assert!(!is_inside(tcp("127.0.0.1:1"), "localhost", "", &tokens));
}

#[test]
fn a_network_counts_for_the_client_and_not_for_the_proxy_before_it() {
    let network = Inside {
        networks: networks(&["192.0.2.0/24", "10.0.0.0/8"]),
        ..Inside::default()
    };
    for (peer, headers, expected) in [
        ("192.0.2.5:1", "", true),
        ("10.0.0.2:1", "X-Forwarded-For: 192.0.2.5\r\n", true),
        ("10.0.0.2:1", "X-Forwarded-For: 203.0.113.7\r\n", false),
        (
            "10.0.0.2:1",
            "X-Forwarded-For: 192.0.2.5, 203.0.113.7\r\n",
            false,
        ),
        ("10.0.0.2:1", "X-Forwarded-For: nonsense\r\n", false),
        // It says that it is a proxy, and not for whom.
        ("10.0.0.2:1", "Via: 1.1 p\r\n", false),
        // A proxy that is not believed.
        ("192.0.2.5:1", "X-Forwarded-For: 192.0.2.6\r\n", false),
        ("203.0.113.7:1", "X-Forwarded-For: 192.0.2.6\r\n", false),
    ] {
        assert_eq!(
            is_inside(tcp(peer), "push.example", headers, &network),
            expected,
            "{peer} {headers}"
        );
    }
}

#[test]
fn a_token_counts_from_anywhere_and_only_whole() {
    let tokens = Inside {
        tokens: Tokens::new(["first-first-first", "sesame-sesame-sesame"]),
        ..Inside::default()
    };
    for (header, expected) in [
        ("Bearer sesame-sesame-sesame", true),
        ("bearer  first-first-first", true),
        ("Bearer sesame-sesame-sesam", false),
        ("Bearer sesame-sesame-sesame2", false),
        ("Bearer Sesame-sesame-sesame", false),
        ("Bearer ", false),
        ("Bearer", false),
        ("Basic sesame-sesame-sesame", false),
        ("sesame-sesame-sesame", false),
        (
            "Bearer sesame-sesame-sesame\r\nAuthorization: Bearer x",
            false,
        ),
    ] {
        let headers = format!("X-Forwarded-For: 203.0.113.7\r\nAuthorization: {header}\r\n");
        let inside = is_inside(tcp("10.0.0.2:1"), "example.org", &headers, &tokens);
        assert_eq!(inside, expected, "{header}");
    }
    assert_eq!(format!("{:?}", tokens.tokens), "Tokens(2)");
}

#[test]
fn who_asks_from_here_for_a_foreign_name_is_misdirected() {
    let rules = rules(Inside::default());
    for (peer, host, headers, expected) in [
        ("127.0.0.1:1", "attacker.example", "", true),
        ("[::1]:1", "example.org", "", true),
        ("127.0.0.1:1", "localhost", "", false),
        ("127.0.0.1:1", "push.example", "", false),
        ("127.0.0.1:1", "", "", false),
        (
            "127.0.0.1:1",
            "example.org",
            "X-Forwarded-For: 192.0.2.1\r\n",
            false,
        ),
        ("192.0.2.1:1", "example.org", "", false),
    ] {
        let found = found(tcp(peer), host, headers.as_bytes(), &rules);
        assert_eq!(found.is_misdirected, expected, "{peer} {host} {headers}");
    }
}

fn by_unix(entry: Entry) -> Arrival {
    Arrival {
        peer: Peer::Direct(BY_UNIX),
        entry,
    }
}

/// What comes by a unix socket is mostly what a proxy passes on, and nothing else would show that.
#[test]
fn who_comes_by_a_unix_socket_is_inside_only_where_the_settings_say_so() {
    let is_inside = |entry, host, headers: &str, inside| {
        found(by_unix(entry), host, headers.as_bytes(), &rules(inside)).may_be_inside
    };
    let plain = Entry::default();
    assert!(!is_inside(plain, "localhost", "", Inside::default()));

    let own = Entry {
        is_inside: true,
        ..plain
    };
    let by_listener = || Inside {
        has_listener: true,
        ..Inside::default()
    };
    assert!(is_inside(own, "localhost", "", by_listener()));
    assert!(is_inside(own, "push.example", "", by_listener()));
    assert!(!is_inside(own, "evil.example", "", by_listener()));
    assert!(!is_inside(plain, "localhost", "", by_listener()));

    let told = "X-Forwarded-For: 10.1.2.3\r\n";
    let of_a_network = || Inside {
        networks: networks(&["10.0.0.0/8", "127.0.0.0/8"]),
        ..Inside::default()
    };
    assert!(is_inside(plain, "push.example", told, of_a_network()));
    assert!(
        !is_inside(plain, "localhost", "", of_a_network()),
        "nobody's address"
    );
}

#[test]
fn a_proxy_that_comes_by_a_unix_socket_is_believed_where_the_settings_say_so() {
    let whose = |headers: &str, has_unix| {
        let mut rules = rules(Inside::default());
        rules.trusted_proxies.has_unix = has_unix;
        let found = found(
            by_unix(Entry::default()),
            "example.org",
            headers.as_bytes(),
            &rules,
        );
        assert!(!found.is_misdirected, "no page comes so");
        let shown = Peer::Direct(BY_UNIX).shown_as(found.client).to_string();
        (found.client.to_string(), shown)
    };
    let known = |text: &str| (text.to_owned(), text.to_owned());
    let nobody = known("unix:pid=812,uid=33,gid=33");
    let unknown = (
        "unknown".to_owned(),
        "unknown by unix:pid=812,uid=33,gid=33".to_owned(),
    );
    let told = "X-Forwarded-For: 203.0.113.66, 198.51.100.7\r\n";
    assert_eq!(whose(told, true), known("198.51.100.7"));
    assert_eq!(whose(told, false), nobody);
    assert_eq!(whose("", true), nobody);
    assert_eq!(whose("X-Forwarded-For: nobody\r\n", true), unknown);
}

/// HAProxy with `send-proxy` in front of a unix socket.
#[test]
fn the_proxy_protocol_tells_of_clients_by_a_unix_socket_too() {
    let relayed = |client| Peer::Relayed {
        proxy: BY_UNIX,
        client,
    };
    let trusted = rules(Inside::default()).trusted_proxies;
    for (client, expected) in [
        (Some(remote("198.51.100.7:5")), "198.51.100.7:5"),
        (Some(BY_UNIX), "unix:pid=812,uid=33,gid=33"),
        (None, "unknown by unix:pid=812,uid=33,gid=33"),
    ] {
        assert_eq!(relayed(client).shown(&trusted).to_string(), expected);
    }
}
