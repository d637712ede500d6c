//! The page, and a client's line to it: one connection that is kept for the next event.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use plugin_api::{ConfigError, Response};
use ureq::Agent;

use crate::answer::Answer;
use crate::event::Event;
use crate::options::Options;
use crate::turns::Turns;

/// Where events go, and how.
pub(crate) struct Page {
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    answer_bytes_max: u64,
    turns: Turns,
}

/// A client's own line to the page.
pub(crate) struct Line {
    page: Arc<Page>,
    agent: Agent,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum PageError {
    Busy,
    Status(u16),
    Request(ureq::Error),
    Json(serde_json::Error),
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PageError::Busy => {
                f.write_str("the page is asked by too many at once (`requests_max`)")
            }
            PageError::Status(status) => write!(f, "the page answers {status}"),
            PageError::Request(error) => write!(f, "the page does not answer: {error}"),
            PageError::Json(error) => write!(f, "the page's answer is not understood: {error}"),
        }
    }
}

impl std::error::Error for PageError {}

impl From<ureq::Error> for PageError {
    fn from(error: ureq::Error) -> PageError {
        PageError::Request(error)
    }
}

impl Page {
    /// None where no page is set.
    pub(crate) fn new(options: &Options) -> Result<Option<Page>, ConfigError> {
        let in_range = |option: &str, is_in: bool, range: &str| match is_in {
            true => Ok(()),
            false => Err(ConfigError::new(
                option,
                format!("is a number from {range}"),
            )),
        };
        in_range("timeout", (1..=300).contains(&options.timeout), "1 to 300")?;
        in_range(
            "requests_max",
            (1..=10_000).contains(&options.requests_max),
            "1 to 10000",
        )?;
        let answer = 1..=16 << 20;
        in_range(
            "answer_bytes_max",
            answer.contains(&options.answer_bytes_max),
            "1 to 16777216",
        )?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let wrong =
                || ConfigError::new("headers", format!("{name} may not stand in a request"));
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            headers.append(name, value);
        }
        let Some(url) = &options.url else {
            return Ok(None);
        };
        let uri: Option<Uri> = url.parse().ok();
        let uri = uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        let Some(url) = uri else {
            let what = "begins with http:// and a host, such as http://127.0.0.1/events.php";
            return Err(ConfigError::new("url", what));
        };
        Ok(Some(Page {
            url,
            headers,
            timeout: Duration::from_secs(options.timeout.into()),
            answer_bytes_max: options.answer_bytes_max,
            turns: Turns::new(options.requests_max),
        }))
    }

    /// A line of its own for each client: nothing is shared but the turns.
    pub(crate) fn line(self: &Arc<Page>) -> Line {
        let patience = Some(self.timeout);
        let agent = Agent::config_builder()
            // Each step for itself: a bound of the whole would look the host's name up on a thread of its own.
            .timeout_connect(patience)
            .timeout_send_request(patience)
            .timeout_send_body(patience)
            .timeout_recv_response(patience)
            .timeout_recv_body(patience)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent("detent-forward")
            .build();
        Line {
            page: self.clone(),
            agent: Agent::new_with_config(agent),
        }
    }
}

impl Line {
    /// The page's answer to an event. Blocks for as long as the page may take.
    pub(crate) fn ask(&self, event: &Event<'_>) -> Result<Answer, PageError> {
        match self.post(event)? {
            (200..=299, body) if body.trim_ascii().is_empty() => Ok(Answer::default()),
            (200..=299, body) => serde_json::from_slice(&body).map_err(PageError::Json),
            (status, _) => Err(PageError::Status(status)),
        }
    }

    /// What who asks to be let in is refused with; none where it is let in. Blocks as above.
    pub(crate) fn admit(&self, event: &Event<'_>) -> Result<Option<Response>, PageError> {
        match self.post(event)? {
            (200..=299, _) => Ok(None),
            (status @ 400..=499, body) => {
                let text = String::from_utf8_lossy(&body).into_owned();
                Ok(Some(Response::text(text).status(status)))
            }
            (status, _) => Err(PageError::Status(status)),
        }
    }

    fn post(&self, event: &Event<'_>) -> Result<(u16, Vec<u8>), PageError> {
        let page = &self.page;
        let _turn = page.turns.take(page.timeout).ok_or(PageError::Busy)?;
        let mut request = self.agent.post(&page.url).content_type("application/json");
        for (name, value) in &page.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(event.to_json().to_string())?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(page.answer_bytes_max);
        Ok((status, body.read_to_vec()?))
    }
}
