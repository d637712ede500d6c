//! A plugin in C reads options, queries and cookies through the host: no author in C needs a parser.

use std::fs;

use tests::{Client, Setup, compile_c, run_server};

const ROUTE: &str = "[[route]]\npath = \"/greeter\"\nplugin = \"greeter\"\n[route.options]\n";

/// What the client is told that asks for this, with these options and this cookie.
fn told(options: &str, path: &str, cookie: &str) -> String {
    let setup = Setup::new().configuration(&format!("{ROUTE}{options}"));
    compile_c("greeter", &setup.plugins_folder());
    let server = setup.start();
    let mut client =
        Client::connect_with(&server, path, &[("Cookie", cookie)]).expect("it is let in");
    client.text()
}

#[test]
fn what_is_not_set_is_as_the_plugin_has_it() {
    assert_eq!(told("", "/greeter", "a=b"), "hello nobody () of ");
}

#[test]
fn options_queries_and_cookies_are_read_decoded() {
    let options = "greeting = \"h\\u00e9\"\nloud = true\nfriends = [{ name = \"Ann\" }]\n";
    let said = told(
        options,
        "/greeter?x&nick=J%C3%BCrg&nick=no",
        "a=1; colour=\"red\"",
    );
    assert_eq!(said, "hé Jürg! (red) of Ann");
}

/// The name has eight letters, and there is room for seven and the zero.
#[test]
fn what_does_not_fit_is_left_out_as_a_whole() {
    let said = told("", "/greeter?nick=12345678", "colour=123456789");
    assert_eq!(said, "hello nobody () of ");
    let said = told("", "/greeter?nick=1234567", "colour=1234567");
    assert_eq!(said, "hello 1234567 (1234567) of ");
}

#[test]
fn a_wrong_option_is_refused_with_its_line() {
    for (options, place, problem) in [
        (
            "times = \"two\"",
            "6:1",
            "option `times`: \"two\" is not a whole number",
        ),
        ("times = 0", "6:1", "option `times`: at least 1"),
        ("loud = 1", "6:1", "option `loud`: 1 is not true or false"),
        (
            "greeting = 7",
            "6:1",
            "option `greeting`: 7 is not a string",
        ),
        (
            "greeting = \"0123456789abcdef\"",
            "6:1",
            "option `greeting`: it is too long",
        ),
        (
            "colour = \"red\"",
            "6:1",
            "option `colour`: unknown field, expected one of `greeting`, `times`, `loud`, `friends`",
        ),
        (
            "friends = [{ name = 7 }]",
            "6:14",
            "option `friends[0].name`: 7 is not a string",
        ),
    ] {
        let setup = Setup::new();
        compile_c("greeter", &setup.plugins_folder());
        let file = setup.folder().join("detent.toml");
        let whole = format!("plugins = \"plugins\"\n{ROUTE}{options}\n");
        fs::write(&file, whole).expect("the folder can be written");
        let name = file.to_str().expect("temporary folders have plain names");
        let finished = run_server(&["--config", name, "--check"]);
        finished.assert_code(2);
        let expected = format!("{name}:{place}: route /greeter: create failed: {problem}\n");
        assert_eq!(finished.stderr, expected);
    }
}
