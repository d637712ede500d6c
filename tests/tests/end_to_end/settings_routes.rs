//! `[[route]]`: any setting of `[client]` for itself, and options that the command line overrules.

use tests::{Client, Server, Setup};

const TWO_ROUTES: &str = "\
[client]
message = \"100 B\"

[[route]]
path = \"/general\"
plugin = \"probe\"

[[route]]
path = \"/special\"
plugin = \"probe\"
message = \"10 B\"
origins = [\"https://page.example\"]
lifetime = \"300ms\"
options = { text = \"of the file\" }
";

fn start(arguments: &[&str]) -> Server {
    let setup = Setup::new().plugins(&["probe"]).arguments(arguments);
    setup.configuration(TWO_ROUTES).start()
}

fn status(server: &Server, path: &str) -> u16 {
    let origin = [("Origin", "https://page.example")];
    Client::connect_with(server, path, &origin).map_or_else(|refused| refused.status, |_| 101)
}

#[test]
fn a_route_may_have_settings_of_its_own() {
    let server = start(&[]);
    let (general, special) = ("/general", "/special");
    assert_eq!(
        (status(&server, general), status(&server, special)),
        (403, 101)
    );
    let mut client = Client::connect(&server, special);
    client.send("close 4000 x");
    let reason = "message of 12 bytes is over the limit of 10".to_owned();
    // Others leave, and the probe tells of that.
    assert_eq!(client.closed_in_the_end(), (1009, reason));
    let mut client = Client::connect(&server, special);
    let expired = "connected for 300ms: connect again".to_owned();
    assert_eq!(client.closed_in_the_end(), (1001, expired));
    let mut client = Client::connect(&server, general);
    client.send("close 4000 x");
    assert_eq!(client.closed(), (4000, "x".to_owned()));
}

#[test]
fn the_command_line_holds_on_every_route() {
    let server = start(&["--max-message", "20", "--set", "probe.text=of the line"]);
    for path in ["/general", "/special"] {
        let mut client = Client::connect(&server, path);
        client.send("option");
        assert!(client.text().contains("of the line"), "{path}");
        client.send(&"x".repeat(21));
        assert_eq!(client.closed().0, 1009, "{path}");
    }
}
