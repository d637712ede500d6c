//! What a request says, as a plugin reads it: query, cookies, and bodies of each sort.

use plugin_api::{Config, Host, Plugin, Request, Response, Result};

use crate::fake_host::FakeRequest;
use crate::instance::{DONE, Instance};

struct Reader;

impl Plugin for Reader {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Reader)
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        Ok(match request.query("as").as_deref() {
            Some("text") => told(request.text().map(str::to_owned)),
            Some("json") => told(request.json::<Vec<u32>>().map(|list| format!("{list:?}"))),
            Some("form") => told(request.form().map(|form| {
                let files = form.file("picture").map(|file| {
                    let content = String::from_utf8_lossy(file.content());
                    format!("{:?} {:?} {content}", file.file_name(), file.content_type())
                });
                let colours: Vec<&str> = form.all("colour").collect();
                let fields = form.fields().len();
                format!("{:?} {colours:?} {fields} {files:?}", form.get("nick"))
            })),
            _ => {
                let nicks: Vec<_> = request.query_all("nick").collect();
                let cookies: Vec<_> = request.cookies().collect();
                let nick = request.query("nick");
                Response::text(format!(
                    "{nick:?} {nicks:?} {:?} {cookies:?} {:?}",
                    request.query("none"),
                    request.cookie("b")
                ))
            }
        })
    }
}

fn told(read: Result<String, plugin_api::BodyError>) -> Response {
    read.map_or_else(
        |error| Response::text(error.to_string()).status(error.status()),
        Response::text,
    )
}

impl plugin_api::declaration::Exported for Reader {
    plugin_api::export!(@session Reader);

    const DECLARATION: plugin_api::declaration::Declaration =
        plugin_api::declaration::Declaration::new("reader", "1.0.0", module_path!(), "/reader");
}

fn ask(request: &FakeRequest) -> (u32, String) {
    let reader = Instance::<Reader>::new();
    let (outcome, response) = reader.request(request);
    assert_eq!(outcome, DONE);
    reader.destroy();
    (response.status, response.body)
}

fn body_as(kind: &'static str, content_type: &'static [u8], body: &'static [u8]) -> (u32, String) {
    ask(&FakeRequest {
        query: Some(kind),
        headers: vec![("Content-Type", content_type)],
        body: Some(body),
        ..Default::default()
    })
}

#[test]
fn a_query_is_decoded_and_a_cookie_found() {
    let (_, told) = ask(&FakeRequest {
        query: Some("nick=J%C3%BCrg+A&x&nick=b&none"),
        headers: vec![("Cookie", b"a=1; b=\"two\""), ("cookie", b"b=3")],
        ..Default::default()
    });
    assert_eq!(
        told,
        "Some(\"J\u{fc}rg A\") [\"J\u{fc}rg A\", \"b\"] Some(\"\") \
         [(\"a\", \"1\"), (\"b\", \"two\"), (\"b\", \"3\")] Some(\"two\")"
    );
    let (_, told) = ask(&FakeRequest::default());
    assert_eq!(told, "None [] None [] None");
}

#[test]
fn a_body_is_text_or_json_or_says_why_not() {
    assert_eq!(body_as("as=text", b"", "é".as_bytes()), (200, "é".into()));
    let broken = body_as("as=text", b"", b"\xff");
    assert_eq!(broken, (400, "the body is not UTF-8".into()));
    assert_eq!(body_as("as=json", b"", b"[1, 2]"), (200, "[1, 2]".into()));
    let (status, why) = body_as("as=json", b"application/json", b"[1, \"two\"]");
    assert_eq!(status, 400);
    assert_eq!(
        why,
        "the body is not the JSON that is expected: invalid type: string \"two\", \
         expected u32 at line 1 column 9"
    );
}

const FORM: &[u8] = b"application/x-www-form-urlencoded; charset=utf-8";

#[test]
fn a_form_is_read_field_by_field() {
    let told = body_as("as=form", FORM, b"colour=red&nick=J%C3%BCrg+A&colour=blue");
    let expected = "Some(\"J\u{fc}rg A\") [\"red\", \"blue\"] 3 None";
    assert_eq!(told, (200, expected.to_owned()));
    let (status, why) = body_as("as=form", b"text/plain", b"nick=a");
    assert_eq!(status, 415);
    let start = "the body is sent as text/plain, expected application/x-www-form-urlencoded";
    assert!(why.starts_with(start), "{why}");
}

#[cfg(feature = "multipart")]
mod multipart {
    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=xYz";

    #[test]
    fn a_form_with_a_file_is_read() {
        let told = body_as(
            "as=form",
            TYPE,
            b"--xYz\r\nContent-Disposition: form-data; name=\"nick\"\r\n\r\nJ\xc3\xbcrg\r\n\
              --xYz\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"../a.png\"\r\n\
              Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n--xYz--\r\n",
        );
        let expected = "Some(\"J\u{fc}rg\") [] 2 \
             Some(\"Some(\\\"../a.png\\\") Some(\\\"image/png\\\") \u{fffd}PNG\\r\\n\")";
        assert_eq!(told, (200, expected.to_owned()));
    }

    #[test]
    fn a_form_that_is_cut_or_has_no_boundary_is_refused() {
        let cut = b"--xYz\r\nContent-Disposition: form-data; name=\"nick\"\r\n\r\nJ";
        let (status, why) = body_as("as=form", TYPE, cut);
        assert_eq!(status, 400);
        assert!(why.starts_with("the form cannot be read: "), "{why}");
        let (status, why) = body_as("as=form", b"multipart/form-data", cut);
        assert_eq!(status, 400);
        assert!(why.starts_with("the form cannot be read: "), "{why}");
    }
}
