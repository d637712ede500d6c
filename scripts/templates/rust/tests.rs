//! {{name}} without a server; `plugin_api::testing` says what else can be tried.

use plugin_api::testing::Route;

use super::{{Type}};

#[test]
fn each_client_is_greeted_and_counted_by_itself() {
    let route = Route::of::<{{Type}}>().option("greeting", "hi").start();
    let ann = route.connect("/{{name}}?name=ann");
    let bob = route.connect("/{{name}}");
    assert_eq!(ann.text(), "hi ann");
    assert_eq!(bob.text(), "hi stranger");
    ann.send("one");
    ann.send("two");
    assert_eq!(ann.texts(), ["your message 1: one", "your message 2: two"]);
    assert_eq!(bob.texts(), ["someone spoke", "someone spoke"]);
    ann.close(1000, "bye");
    assert_eq!(route.counts().closed, 1);
}

#[test]
fn a_misspelt_option_is_refused() {
    let setup = Route::of::<{{Type}}>().option("greting", "hi");
    let why = setup.check().unwrap_err();
    assert!(why.starts_with("option `greting`: unknown field"), "{why}");
}
