//! The wall's page in a real browser: what one posts, all see.

use tests::Setup;
use tests::webdriver::Browser;

use crate::php::{PNG, Site};
use crate::url;

#[test]
fn what_one_posts_all_see() {
    let address = Site::port();
    let origin = format!("http://{address}");
    let server = Setup::new()
        .plugins(&["push"])
        .arguments(&["--allow-origin", &origin])
        .start();
    let site = Site::start(address, &server);
    let browser = Browser::start();
    let page = format!("{origin}/?detent={}", url(&server, ""));
    let (first, second) = (browser.open(&page), browser.open(&page));
    tests::wait_until("both listen", || {
        crate::publish(&server, "wall", "{\"who\":\"-\",\"text\":\"-\"}").contains("\"clients\":2")
    });
    let image = site.folder().join("pixel.png");
    std::fs::write(&image, PNG).expect("the folder can be written");
    first.press("[name=text]", "<b>from PHP</b>");
    first.press("[name=image]", image.to_str().expect("a plain name"));
    first.click("button");
    for window in [&first, &second] {
        window.wait_until("document.querySelector('#wall img')");
        let width = "document.querySelector('#wall img').naturalWidth";
        tests::wait_until("the image is shown", || window.eval(width) == 1);
        let text = window.eval("document.querySelector('#wall p').textContent");
        let text = text.as_str().expect("text");
        assert!(text.ends_with(": <b>from PHP</b>"), "{text}");
    }
}
