//! A headless Chromium for the tests of the board's page and the status page, by the W3C WebDriver protocol: start a
//! browser, open windows, press keys, wait for what a page shows. It knows nothing of the server
//! or of chat.
//!
//! Everything runs on the test's own thread; every call waits for chromedriver, at most
//! [`CALL_TIMEOUT`]. What goes wrong here is a failed test, so it panics, at the caller's place.

mod chromedriver;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use self::chromedriver::{Chromedriver, find_chromium};

/// The Enter key, in the way that [`Window::press`] takes it.
pub const ENTER: &str = "\u{E007}";

/// How long a page may take to show what is waited for: twice the longest back-off of the board.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// One call to chromedriver; the start of Chromium on a busy machine is the longest.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The key under which WebDriver hands out a reference to an element.
const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One Chromium with a profile of its own. Dropping it ends Chromium and chromedriver.
pub struct Browser {
    agent: Agent,
    /// `http://127.0.0.1:PORT/session/ID`, to which every command is relative.
    session: String,
    /// Held for its drop, which comes after the session's.
    _driver: Chromedriver,
}

/// One page in a window of its own.
pub struct Window<'a> {
    browser: &'a Browser,
    handle: String,
}

impl Browser {
    /// Starts chromedriver, and Chromium through it.
    ///
    /// # Panics
    /// When either is not to be found in `PATH` or does not start.
    #[track_caller]
    pub fn start() -> Browser {
        Browser::start_with(None, &[])
    }

    /// Starts it with `home` as its user's home, where there is one, and with further arguments for
    /// Chromium.
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[track_caller]
    pub fn start_with(home: Option<&Path>, arguments: &[&str]) -> Browser {
        let driver = Chromedriver::start(home);
        let capabilities = capabilities(&driver, arguments);
        let config = Agent::config_builder()
            .timeout_global(Some(CALL_TIMEOUT))
            // The body of an error says what went wrong; a proxy has no business on loopback.
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let mut browser = Browser {
            agent: config.into(),
            session: format!("http://127.0.0.1:{}/session", driver.port()),
            _driver: driver,
        };
        let answer = browser.post(
            "",
            &json!({ "capabilities": { "alwaysMatch": capabilities } }),
        );
        let id = answer["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Opens `url` in a new window and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) -> Window<'_> {
        let answer = self.post("/window/new", &json!({ "type": "window" }));
        let handle = answer["handle"]
            .as_str()
            .expect("a window has a handle")
            .to_owned();
        let window = Window {
            browser: self,
            handle,
        };
        window.post("/url", &json!({ "url": url }));
        window
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        let url = format!("{}{command}", self.session);
        let mut response = match self.agent.post(&url).send_json(body) {
            Ok(response) => response,
            Err(error) => panic!("chromedriver did not answer {command}: {error}"),
        };
        let mut answer: Value = match response.body_mut().read_json() {
            Ok(answer) => answer,
            Err(error) => panic!("chromedriver answered {command} with no JSON: {error}"),
        };
        let value = answer["value"].take();
        assert!(
            response.status().is_success(),
            "{command}: {}: {}",
            value["error"],
            value["message"]
        );
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends Chromium with the session, by force if it has to. If it does not
        // answer, it may be the reason why the test fails, and it is killed next.
        let _ = self.agent.delete(&self.session).call();
    }
}

impl Window<'_> {
    /// Types `keys` into the element as a person at the keyboard does.
    #[track_caller]
    pub fn press(&self, selector: &str, keys: &str) {
        let element = self.find(selector);
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": keys }),
        );
    }

    /// Clicks the middle of the element, which fails where something else covers it.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// What the JavaScript expression yields in the page.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits in the page until the JavaScript expression is true, at most [`WAIT_TIMEOUT`]. Any
    /// change of the document makes it look again.
    ///
    /// # Panics
    /// At the deadline, with the expression and the text of the page as it stands then.
    #[track_caller]
    pub fn wait_until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
             const settle = (met) => {{ observer.disconnect(); clearTimeout(timer); done(met); }};
             const look = () => {{ if ({expression}) settle(true); }};
             const observer = new MutationObserver(look);
             observer.observe(document,
               {{ subtree: true, childList: true, characterData: true, attributes: true }});
             const timer = setTimeout(() => settle(false), {});
             look();",
            WAIT_TIMEOUT.as_millis()
        );
        let met = self.post("/execute/async", &json!({ "script": script, "args": [] }));
        if met != true {
            let text = self.eval("document.body.innerText");
            panic!("not within {WAIT_TIMEOUT:?}: {expression}\nthe page: {text}");
        }
    }

    /// Gives the page a screen of this size in CSS pixels: a phone's, which is narrower than a
    /// window of Chromium can be made.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
        let body = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": screen });
        self.post("/goog/cdp/execute", &body);
    }

    /// Lets the page believe that its reader prefers `scheme`, light or dark.
    #[track_caller]
    pub fn prefer(&self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let body =
            json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": feature } });
        self.post("/goog/cdp/execute", &body);
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let answer = self.post("/element", &body);
        answer[ELEMENT_KEY]
            .as_str()
            .expect("an element has a reference")
            .to_owned()
    }

    /// A command to this window. A session sends its commands to one window, so it is chosen anew
    /// each time.
    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        self.browser
            .post("/window", &json!({ "handle": self.handle }));
        self.browser.post(command, body)
    }
}

fn capabilities(driver: &Chromedriver, further: &[&str]) -> Value {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--no-first-run".to_owned(),
        // Containers often have a /dev/shm that is too small for Chromium.
        "--disable-dev-shm-usage".to_owned(),
        format!("--user-data-dir={}", driver.profile().display()),
    ];
    arguments.extend(further.iter().map(|&argument| argument.to_owned()));
    // Chromium's sandbox refuses to run as root, which build machines often are.
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        arguments.push("--no-sandbox".to_owned());
    }
    // A little more than the wait in the page, whose own message says more.
    let script_timeout = WAIT_TIMEOUT + Duration::from_secs(5);
    json!({
        "goog:chromeOptions": { "binary": find_chromium(), "args": arguments },
        "timeouts": { "script": u64::try_from(script_timeout.as_millis()).unwrap_or(u64::MAX) },
    })
}
