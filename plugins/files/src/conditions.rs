//! Conditional requests (RFC 9110 section 13): what tells two states of a file apart, and whether a request goes on.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use plugin_api::{Request, Response};

/// A file that was written less than this ago may be written again without a later time.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells a state of a file from others.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    /// With its quotes, and `W/` where it may not tell all apart.
    tag: String,
    /// In whole seconds, as HTTP has it.
    modified: SystemTime,
    is_strong: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client wants to go on with.
    Failed,
}

impl Validators {
    pub(crate) fn of(file: &Metadata) -> Validators {
        let seconds = u64::try_from(file.mtime()).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let is_strong = modified.elapsed().is_ok_and(|age| age >= SETTLED);
        let weak = if is_strong { "" } else { "W/" };
        let (nanoseconds, bytes, inode) = (file.mtime_nsec(), file.len(), file.ino());
        Validators {
            tag: format!("{weak}\"{seconds:x}.{nanoseconds:x}-{bytes:x}-{inode:x}\""),
            modified,
            is_strong,
        }
    }

    pub(crate) fn write(&self, response: Response) -> Response {
        response
            .header("ETag", &self.tag)
            .header("Last-Modified", httpdate::fmt_http_date(self.modified))
    }

    /// In the order of section 13.2.2.
    pub(crate) fn check(&self, request: &Request) -> Verdict {
        let has_changed_since =
            |date: &str| Some(self.modified > httpdate::parse_http_date(date).ok()?);
        if request.header("If-Match").is_some() {
            if !self.is_named(request, "If-Match", Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if let Some(date) = request.header("If-Unmodified-Since")
            && has_changed_since(date) == Some(true)
        {
            return Verdict::Failed;
        }
        if request.header("If-None-Match").is_some() {
            if self.is_named(request, "If-None-Match", Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if let Some(date) = request.header("If-Modified-Since")
            && has_changed_since(date) == Some(false)
        {
            return Verdict::NotModified;
        }
        Verdict::Go
    }

    /// Section 13.1.5: a part fits to what the client has of this very state only.
    pub(crate) fn allow_range(&self, request: &Request) -> bool {
        match request.header("If-Range").map(str::trim) {
            None => true,
            Some(tag) if tag.ends_with('"') => self.is_strong && tag == self.tag,
            Some(date) => {
                self.is_strong && httpdate::parse_http_date(date).ok() == Some(self.modified)
            }
        }
    }

    fn is_named(&self, request: &Request, header: &str, comparison: Comparison) -> bool {
        let values = request.header_values(header);
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        // No tag of ours holds a comma, so that one of others is cut into what is not ours either.
        let mut tags = texts.flat_map(|text| text.split(',')).map(str::trim);
        tags.any(|tag| {
            tag == "*"
                || match comparison {
                    Comparison::Strong => self.is_strong && tag == self.tag,
                    Comparison::Weak => opaque(tag) == opaque(&self.tag),
                }
        })
    }
}

/// Section 8.8.3.2.
#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
