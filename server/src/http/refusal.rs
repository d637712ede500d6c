//! Why a request is not served: a status, and a sentence for the answer's body and the log.

use http::StatusCode;

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// What is wrong and, where it can be said, what to do.
    pub why: String,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Refusal {
        Refusal {
            status,
            why: why.into(),
        }
    }

    /// 400: the request breaks HTTP's or the handshake's rules.
    pub fn malformed(why: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, why)
    }

    /// Whether it leaves in doubt where the next request begins, or whether the peer means HTTP at
    /// all: nothing more may be read from such a connection.
    pub fn ends_connection(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::URI_TOO_LONG
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
                | StatusCode::NOT_IMPLEMENTED
                | StatusCode::HTTP_VERSION_NOT_SUPPORTED
        )
    }
}
