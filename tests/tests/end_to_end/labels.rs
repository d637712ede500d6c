//! What a plugin says that a client is called stands in the list of whoever runs the server, in Rust and in C.

use std::fs;

use serde_json::Value;
use tests::{
    ADMIN, Admin, Client, Server, Setup, compile_c, compile_c_with, run_server, wait_until,
};

#[track_caller]
fn tell(client: &mut Client, order: &str) -> String {
    client.send(order);
    client.text()
}

/// The label of the one client of a route, once it is `wanted`: the hub takes note of it in its turn.
#[track_caller]
fn wait_for_label(server: &Server, route: &str, wanted: &Value) {
    let admin = Admin::of(server);
    wait_until(&format!("{route} has the label {wanted}"), || {
        let list = admin.json(&format!("/clients?route={route}"));
        assert_eq!(list["found"], 1, "{list}");
        list["clients"][0]["label"] == *wanted
    });
}

#[test]
fn a_label_is_listed_until_it_is_taken_away() {
    let (server, _) = Admin::start(&["probe"]);
    let mut client = Client::connect(&server, "/probe");
    wait_for_label(&server, "/probe", &Value::Null);
    for label in ["anna", "Röm & <b>söhne</b>", &"x".repeat(64)] {
        assert_eq!(tell(&mut client, &format!("label {label}")), "labelled");
        wait_for_label(&server, "/probe", &Value::from(label));
    }
    let admin = Admin::of(&server).0.to_string();
    let finished = run_server(&["clients", "--admin", &admin]);
    finished.assert_code(0);
    let lines: Vec<_> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("CLIENT  ADDRESS"), "{lines:?}");
    assert!(lines[0].contains("  LABEL  "), "{lines:?}");
    assert!(lines[1].contains(&"x".repeat(64)), "{lines:?}");
    assert_eq!(tell(&mut client, "label "), "labelled");
    wait_for_label(&server, "/probe", &Value::Null);
    // Who comes next in its place is somebody else.
    tell(&mut client, "label the first one");
    client.close(1000, "");
    let _next = Client::connect(&server, "/probe");
    wait_until("only the next one is there", || {
        Admin::of(&server).json("/clients")["found"] == 1
    });
    wait_for_label(&server, "/probe", &Value::Null);
}

/// A label goes into tables, terminals and the page of whoever runs the server.
#[test]
fn what_would_do_something_to_the_text_around_it_or_is_too_long_is_refused() {
    let (server, _) = Admin::start(&["probe"]);
    let mut client = Client::connect(&server, "/probe");
    assert_eq!(tell(&mut client, "label anna"), "labelled");
    for label in [
        "a\nb",
        "\u{1b}[2J",
        "a\0",
        "\u{7f}",
        "\u{85}",
        "\u{202e}anna",
        "\u{2028}",
        &"x".repeat(65),
        &"ö".repeat(33),
    ] {
        let told = tell(&mut client, &format!("label {label}"));
        assert!(
            told.starts_with("a label has 64 bytes at most"),
            "{label:?}: {told}"
        );
    }
    wait_for_label(&server, "/probe", &Value::from("anna"));
}

#[test]
fn a_plugin_in_c_labels_its_clients_and_a_replacement_of_its_code_keeps_the_labels() {
    let setup = Setup::new().configuration(ADMIN);
    let library = compile_c("labelled", &setup.plugins_folder());
    let server = setup.start();
    let mut client = Client::connect(&server, "/labelled");
    assert_eq!(tell(&mut client, "device 17"), "labelled");
    assert_eq!(tell(&mut client, "de\tvice"), "refused");
    wait_for_label(&server, "/labelled", &Value::from("device 17"));
    assert_eq!(tell(&mut client, "who"), "device 17");
    // The same with what a debugger wants: other bytes.
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/labelled.c");
    let other = server.folder().join("other.so");
    compile_c_with(source.as_ref(), &other, &["-g"]);
    let name = library
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    server.put_plugin(name, &fs::read(&other).expect("it was compiled"));
    let line = server.reload();
    assert!(line.contains("code of route /labelled"), "{line}");
    wait_for_label(&server, "/labelled", &Value::from("device 17"));
    assert_eq!(tell(&mut client, "device 18"), "labelled");
    wait_for_label(&server, "/labelled", &Value::from("device 18"));
}
