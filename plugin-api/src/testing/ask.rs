//! What a client of a test asks for.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::http::MemoryRequest;

/// A request: of a client that connects, or a plain one. A path alone is one too: `route.connect("/chat?nick=ann")`.
///
/// ```
/// use plugin_api::testing::Ask;
///
/// let ask = Ask::get("/chat?nick=ann")
///     .header("User-Agent", "test")
///     .cookie("session", "7f3a")
///     .from("192.0.2.7")
///     .inside();
/// ```
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) request: MemoryRequest,
    pub(super) is_event_stream: bool,
    /// How long it waits for one message, where it does.
    pub(super) waits: Option<Duration>,
}

impl Ask {
    /// A GET of a path with its query.
    pub fn get(target: &str) -> Ask {
        Ask::of("GET", target)
    }

    /// A POST, with a body from [`body`](Ask::body) or [`json`](Ask::json).
    pub fn post(target: &str) -> Ask {
        Ask::of("POST", target)
    }

    /// Any method, such as `HEAD` or `DELETE`.
    pub fn of(method: &str, target: &str) -> Ask {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Ask {
            request: MemoryRequest {
                method: method.to_owned(),
                path: path.to_owned(),
                query,
                headers: vec![("Host".to_owned(), b"localhost".to_vec())],
                peer: "127.0.0.1:50000".to_owned(),
                client_address: "127.0.0.1".to_owned(),
                ..MemoryRequest::default()
            },
            is_event_stream: false,
            waits: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Ask {
        let value = value.as_ref().to_vec();
        self.request.headers.push((name.to_owned(), value));
        self
    }

    /// Adds a cookie.
    #[must_use]
    pub fn cookie(self, name: &str, value: &str) -> Ask {
        self.header("Cookie", format!("{name}={value}"))
    }

    /// Offers subprotocols, the one it likes best first.
    #[must_use]
    pub fn subprotocols(self, names: &[&str]) -> Ask {
        self.header("Sec-WebSocket-Protocol", names.join(", "))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.request.body = body.into();
        self
    }

    /// Sets the body to `value` as JSON, and says so.
    ///
    /// # Panics
    /// `value` has no form in JSON.
    #[must_use]
    #[track_caller]
    pub fn json(self, value: &impl serde::Serialize) -> Ask {
        let body = serde_json::to_vec(value).expect("the value has a form in JSON");
        self.header("Content-Type", "application/json").body(body)
    }

    /// Sets the body to a form as browsers send it, and says so.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Ask {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    /// The client has this IP address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Ask {
        address.clone_into(&mut self.request.client_address);
        self
    }

    /// The client is inside: `request.is_inside()`.
    #[must_use]
    pub fn inside(mut self) -> Ask {
        self.request.is_inside = true;
        self
    }

    /// The client has shown a certificate of this subject, such as `CN=ann`, and with these other names, which the server has
    /// checked: `request.certificate()`.
    #[must_use]
    pub fn certificate(mut self, subject: &str, names: &[&str]) -> Ask {
        // Of the length of a real one, and another for each subject.
        let fingerprint = subject.bytes().map(|byte| format!("{byte:02x}"));
        let fingerprint: String = fingerprint.chain(["0".repeat(64)]).collect();
        let fingerprint = fingerprint[..64].to_owned();
        self.request.certificate = Some([subject.to_owned(), names.join("\n"), fingerprint]);
        self
    }

    /// A page of the host that it asks for has sent it.
    #[must_use]
    pub fn from_own_page(mut self) -> Ask {
        self.request.page = Some("own");
        self
    }

    /// A page of another host has sent it.
    #[must_use]
    pub fn from_other_page(mut self) -> Ask {
        self.request.page = Some("other");
        self
    }

    /// It connects as an `EventSource`, which only listens, and not as a WebSocket.
    #[must_use]
    pub fn event_stream(mut self) -> Ask {
        self.is_event_stream = true;
        self
    }

    /// It connects to wait for one message, for so long at most, as a `GET` with `Accept: application/json` and `?wait=25s`
    /// does: the message is its [answer](super::Client::answer). On routes that take event streams.
    #[must_use]
    pub fn waiting(mut self, time: Duration) -> Ask {
        self.waits = Some(time);
        self
    }

    /// The request as the plugin reads it, where one of the route's paths leads to it.
    pub(super) fn on(self, paths: &[String]) -> Option<MemoryRequest> {
        let mut router = matchit::Router::new();
        for path in paths {
            router.insert(path.as_str(), ()).ok()?;
        }
        let mut request = self.request;
        let found = router.at(&request.path).ok()?;
        let params = found.params.iter().map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            (name.to_owned(), value)
        });
        request.params = params.collect();
        Some(request)
    }
}

impl From<&str> for Ask {
    fn from(target: &str) -> Ask {
        Ask::get(target)
    }
}

impl From<String> for Ask {
    fn from(target: String) -> Ask {
        Ask::get(&target)
    }
}

impl From<&Ask> for Ask {
    fn from(ask: &Ask) -> Ask {
        ask.clone()
    }
}
