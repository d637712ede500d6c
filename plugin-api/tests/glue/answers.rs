//! Requests as a plugin reads them, responses as the server gets them.

use plugin_api::{Config, Host, Plugin, Request, Response, Result, Upgrade, abi};

use crate::fake_host::{FakeRequest, FakeResponse};
use crate::instance::{DONE, Instance};

struct Answering;

impl Plugin for Answering {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Answering)
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        Ok(match request.query_string() {
            Some("refuse") => Upgrade::refuse(Response::new(403).body("no")).header("X-Why", "no"),
            Some(_) => Upgrade::accept().subprotocol("unasked"),
            None => Upgrade::accept()
                .subprotocol(request.subprotocols().last().unwrap_or_default())
                .header("Set-Cookie", "a=b"),
        })
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        Ok(match request.query_string() {
            Some("page") => Response::page(request, "<p>hi"),
            Some("json") => Response::json(&[1, 2])?,
            Some("forbidden header") => Response::new(200).header("Connection", "close"),
            Some("forbidden status") => Response::new(101),
            Some("headers") => {
                let names = request
                    .headers()
                    .map(|(name, value)| format!("{name}={}", value.len()));
                let visible = request.header("x-name").unwrap_or("none");
                Response::text(format!("{visible} {}", names.collect::<Vec<_>>().join(" ")))
            }
            _ => Response::text(format!(
                "{request:?} {} {} {}",
                request.client_address(),
                request.is_inside(),
                String::from_utf8_lossy(request.body())
            )),
        })
    }
}

impl plugin_api::declaration::Exported for Answering {
    plugin_api::export!(@session Answering);

    const DECLARATION: plugin_api::declaration::Declaration =
        plugin_api::declaration::Declaration::new(
            "answering",
            "1.0.0",
            module_path!(),
            "/answering",
        )
        .subprotocols(&["offered"]);
}

fn ask(query: Option<&'static str>) -> ((i32, String), FakeResponse) {
    let answering = Instance::<Answering>::new();
    let answer = answering.request(&FakeRequest {
        method: "GET",
        query,
        ..Default::default()
    });
    answering.destroy();
    answer
}

#[test]
fn a_request_tells_what_it_is() {
    let (outcome, response) = ask(None);
    assert_eq!((outcome, response.status), (DONE, 200));
    assert_eq!(
        response.body,
        "Request { method: \"GET\", path: \"/route\", peer: \"127.0.0.1:40000\", .. } \
         192.0.2.1 false the body"
    );
    assert_eq!(
        response.headers,
        [(
            "Content-Type".to_owned(),
            "text/plain; charset=utf-8".to_owned()
        )]
    );
}

#[test]
fn headers_are_found_in_any_case_and_one_that_is_no_text_is_passed_over() {
    let answering = Instance::<Answering>::new();
    let headers = vec![
        ("X-Name", &b"\xff"[..]),
        ("Other", b"abc"),
        ("X-NAME", b"second"),
    ];
    let request = FakeRequest {
        query: Some("headers"),
        headers,
        ..Default::default()
    };
    let (_, response) = answering.request(&request);
    assert_eq!(response.body, "second X-Name=1 Other=3 X-NAME=6");
    answering.destroy();
}

#[test]
fn a_page_is_for_get_and_head_only() {
    let answering = Instance::<Answering>::new();
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405)] {
        let query = Some("page");
        let (outcome, page) = answering.request(&FakeRequest {
            method,
            query,
            ..Default::default()
        });
        assert_eq!((outcome, page.status), (DONE, status));
        let header = |name| {
            page.headers
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        if status == 200 {
            assert_eq!(page.body, "<p>hi");
            assert!(header("Content-Security-Policy").is_some());
        } else {
            assert_eq!(header("Allow").unwrap(), "GET, HEAD");
        }
    }
    answering.destroy();
}

#[test]
fn a_response_that_the_server_does_not_take_fails_with_the_reason() {
    let refused = |query| ask(Some(query)).0;
    let reason = "header \"Connection\" may not be set, or its value may not stand in a header";
    assert_eq!(
        refused("forbidden header"),
        (abi::FAILED, reason.to_owned())
    );
    let reason = "status 101 may not be answered here";
    assert_eq!(
        refused("forbidden status"),
        (abi::FAILED, reason.to_owned())
    );
}

#[test]
fn json_has_its_type() {
    let (_, response) = ask(Some("json"));
    assert_eq!(response.body, "[1,2]");
    assert_eq!(
        response.headers,
        [("Content-Type".to_owned(), "application/json".to_owned())]
    );
}

#[test]
fn an_upgrade_chooses_a_subprotocol_that_was_offered() {
    let answering = Instance::<Answering>::new();
    let headers = vec![("Sec-WebSocket-Protocol", &b"other, offered"[..])];
    let (outcome, response) = answering.upgrade(&FakeRequest {
        headers,
        ..Default::default()
    });
    assert_eq!((outcome, response.subprotocol.as_str()), (DONE, "offered"));
    assert_eq!(
        response.headers,
        [("Set-Cookie".to_owned(), "a=b".to_owned())]
    );
    let unasked = FakeRequest {
        query: Some("x"),
        ..Default::default()
    };
    let reason = "the client did not offer the subprotocol \"unasked\"";
    assert_eq!(
        answering.upgrade(&unasked).0,
        (abi::FAILED, reason.to_owned())
    );
    answering.destroy();
}

#[test]
fn an_upgrade_can_be_refused() {
    let answering = Instance::<Answering>::new();
    let refused = FakeRequest {
        query: Some("refuse"),
        ..Default::default()
    };
    let (outcome, response) = answering.upgrade(&refused);
    assert_eq!(
        (outcome, response.status, response.body.as_str()),
        (DONE, 403, "no")
    );
    assert_eq!(response.headers, [("X-Why".to_owned(), "no".to_owned())]);
    answering.destroy();
}
