//! Which writings of a path are the same one, and what an answer says of those that are only near.

use tests::{Client, Raw, Server, Setup, handshake};

fn start() -> Server {
    let paths = [
        "/look",
        "/~joe",
        "/k%C3%BCche",
        "/%66older/",
        "/files/{*name}",
        "/room/{name}",
    ];
    let routes = paths.map(|path| format!("[[route]]\npath = \"{path}\"\nplugin = \"probe\"\n"));
    let setup = Setup::new().plugins(&["probe"]);
    setup.configuration(&routes.concat()).start()
}

/// RFC 3986 section 6.2.2: curl, proxies and hand-written clients encode as they like.
#[test]
fn equivalent_paths_are_one() {
    let server = start();
    for path in [
        "/look",
        "/%6Cook",
        "/%6cook",
        "/%6C%6F%6F%6B",
        "/~joe",
        "/%7Ejoe",
        "/%7ejoe",
        "/k%C3%BCche",
        "/k%c3%bcche",
        "/%6B%c3%BCche",
        "/folder/",
        "/f%6Flder/",
    ] {
        let refused = Client::connect_with(&server, path, &[]).err();
        assert!(refused.is_none(), "{path}: {refused:?}");
    }
    let mut client = Client::connect(&server, "/r%6fom/%41%2fb");
    client.send("request");
    let request = client.text();
    assert!(request.contains("name=Some(\"A/b\")"), "{request}");
    assert!(request.contains("path=/r%6fom/%41%2fb "), "{request}");
}

#[test]
fn what_is_only_near_is_404_and_told_the_route() {
    let server = start();
    for (path, near) in [
        ("/look/", "/look"),
        ("//look", "/look"),
        ("/look//", "/look"),
        ("/LOOK", "/look"),
        ("/./look", "/look"),
        ("/x/../look", "/look"),
        ("/x/%2e%2E/l%6Fok", "/look"),
        ("/folder", "/folder/"),
        ("/room/4/", "/room/4"),
        // A plugin that opens files by this name must not be made to climb.
        ("/files/a/../../../etc/../look", "/look"),
    ] {
        let (status, _, body) = Raw::answer(&server, handshake(path, &[]));
        let expected = format!("no route here; there is one on {near}\n");
        assert_eq!((status, body), (404, expected), "{path}");
    }
    for path in ["/", "//", "/nope/", "/files/../../etc/passwd", "/looks"] {
        let (status, _, body) = Raw::answer(&server, handshake(path, &[]));
        assert_eq!((status, &*body), (404, "no route here\n"), "{path}");
    }
}

#[test]
fn two_routes_on_equivalent_paths_are_one_too_many() {
    let route = |path: &str| format!("[[route]]\npath = \"{path}\"\nplugin = \"probe\"\n");
    let setup = Setup::new().plugins(&["probe"]);
    let text = route("/~joe") + &route("/%7Ejoe");
    let finished = setup.configuration(&text).arguments(&["--check"]).run();
    finished.assert_code(2);
    let part = "matches the same as \"/~joe\" in line 2";
    assert!(finished.stderr.contains(part), "{}", finished.stderr);
}
