use plugin_api::testing::{Received, Route};

use super::Echo;

#[test]
fn each_gets_back_what_it_says_as_it_says_it() {
    let route = Route::of::<Echo>().start();
    let (ann, bob) = (route.connect("/echo"), route.connect("/echo"));
    ann.send("h\u{e9}");
    ann.send(&b"\xff\x00"[..]);
    ann.send("");
    let back = [
        Received::Text("h\u{e9}".to_owned()),
        Received::Binary(vec![255, 0]),
        Received::Text(String::new()),
    ];
    assert_eq!(ann.received(), back);
    assert_eq!(bob.next(), None);
    route.replace_by_itself().expect("the same code takes over");
    bob.send("still here");
    assert_eq!(bob.text(), "still here");
    assert_eq!(route.stop().closed, 2);
}
