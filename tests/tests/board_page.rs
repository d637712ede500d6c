//! The page of the board in a real browser: what two people who open it say, show and find.

use tests::webdriver::{Browser, ENTER, Window};
use tests::{Server, Setup};

/// Red, one pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53,
    0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0x00,
    0x00, 0x03, 0x01, 0x01, 0x00, 0xc9, 0xfe, 0x92, 0xef, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];
const CONNECTED: &str = "document.getElementById('status').dataset.state === 'connected'";

fn start() -> Server {
    let setup = Setup::new().plugins(&["board"]);
    let state = setup.folder().join("state");
    let text = format!("state_dir = \"{}\"\n", state.display());
    setup.configuration(&text).start()
}

fn open<'a>(browser: &'a Browser, server: &Server) -> Window<'a> {
    let window = browser.open(&format!("http://{}/board", server.address()));
    window.wait_until(CONNECTED);
    window
}

/// The last entry of the list is by `name` and says `text`.
#[track_caller]
fn assert_last(window: &Window<'_>, list: &str, name: &str, text: &str) {
    let last = format!("document.querySelector('#{list} > :last-child')");
    window.wait_until(&format!(
        "{last}?.querySelector('b').textContent === '{name}' && {last}.querySelector('span')?.textContent === '{text}'"
    ));
}

#[test]
fn what_one_says_the_other_reads_finds_and_has_after_a_restart() {
    let mut server = start();
    let browser = Browser::start();
    let (ann, bob) = (open(&browser, &server), open(&browser, &server));
    ann.press("#message", &format!("without a name{ENTER}"));
    ann.wait_until(
        "document.getElementById('error').textContent === 'Say first what you are called.'",
    );
    ann.press("#name", "Ann");
    ann.press("#message", ENTER);
    for window in [&ann, &bob] {
        assert_last(window, "timeline", "Ann", "without a name");
    }
    bob.eval("void (document.getElementById('name').value = '')");
    bob.press("#name", "Bob");
    bob.press("#message", "the cat sat");
    bob.click("#send");
    assert_last(&ann, "timeline", "Bob", "the cat sat");
    ann.press("#words", "cat");
    assert_last(&ann, "found", "Bob", "the cat sat");
    assert_eq!(
        ann.eval("document.getElementById('found').childElementCount"),
        1
    );

    server.stop();
    bob.wait_until(&format!("!({CONNECTED})"));
    server.start_again();
    bob.wait_until(CONNECTED);
    bob.press("#message", &format!("here again{ENTER}"));
    assert_last(&bob, "timeline", "Bob", "here again");
    assert_eq!(
        bob.eval("document.getElementById('timeline').childElementCount"),
        3
    );
    let newcomer = open(&browser, &server);
    assert_last(&newcomer, "timeline", "Bob", "here again");
    assert_eq!(
        newcomer.eval("document.getElementById('timeline').childElementCount"),
        3
    );
}

#[test]
fn a_picture_is_shown_and_markup_stays_text() {
    let server = start();
    let browser = Browser::start();
    let (ann, bob) = (open(&browser, &server), open(&browser, &server));
    ann.press("#name", "<b>Ann</b>");
    ann.press("#message", &format!("<img src=x onerror=alert(1)>{ENTER}"));
    assert_last(
        &bob,
        "timeline",
        "<b>Ann</b>",
        "<img src=x onerror=alert(1)>",
    );
    assert_eq!(
        bob.eval("document.querySelectorAll('#timeline img').length"),
        0
    );

    let file = server.folder().join("red.png");
    std::fs::write(&file, PNG).expect("the folder can be written");
    ann.press("#picture", &file.to_string_lossy());
    for window in [&ann, &bob] {
        window.wait_until("!!document.querySelector('#timeline [data-loaded] img')");
        assert_eq!(
            window.eval("document.querySelector('#timeline img').naturalWidth"),
            1
        );
    }
    let text = server.folder().join("picture.png");
    std::fs::write(&text, "no picture").expect("the folder can be written");
    ann.press("#picture", &text.to_string_lossy());
    ann.wait_until("document.getElementById('error').textContent.includes('no picture')");
}

#[test]
fn fits_the_width_of_a_phone() {
    let server = start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.resize(360, 640);
    window.press("#name", &"w".repeat(32));
    window.press("#message", &format!("{}{ENTER}", "unbroken".repeat(40)));
    window.wait_until("document.querySelectorAll('#timeline li').length === 1");
    let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(window.eval(overflow), 0, "the page scrolls sideways");
    let visible = "document.getElementById('send').getBoundingClientRect().bottom <= innerHeight";
    assert_eq!(window.eval(visible), true);
}
