//! Serves a folder: each file with its type, in ranges, and again only where it has changed.
#![forbid(unsafe_code)]
mod conditions;
mod folder;
mod range;

use std::path::PathBuf;

use plugin_api::{Config, ConfigError, Host, Plugin, Request, Response, Result};

use conditions::{Validators, Verdict};
use folder::{Folder, Found};
use range::Range;

/// What a route of this plugin is told.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The folder that is served; relative to the file of settings. Without it nothing is.
    folder: Option<PathBuf>,
    /// What a folder is answered with; empty for nothing.
    #[serde(default = "index")]
    index: String,
    /// Seconds for which browsers need not ask again.
    #[serde(default)]
    max_age: u32,
}

fn index() -> String {
    "index.html".to_owned()
}

struct Files {
    folder: Option<Folder>,
    max_age: u32,
}

impl Plugin for Files {
    type Session = ();

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let route = host.path();
        if route.contains('{') && !route.ends_with("{*path}") {
            let text =
                format!("the route {route} has to end in {{*path}}, such as /files/{{*path}}");
            return Err(text.into());
        }
        if options.index.contains('/') || options.index.starts_with('.') {
            let what = "is the name of a file, without a / and no dot-file; \"\" for none";
            return Err(ConfigError::new("index", what).into());
        }
        let folder = match options.folder {
            Some(folder) => {
                let path = host.config_folder()?.join(folder);
                Some(Folder::open(path, options.index)?)
            }
            None => {
                plugin_api::log::info!(
                    "{route}: no file is served until the option `folder` is set"
                );
                None
            }
        };
        Ok(Files {
            folder,
            max_age: options.max_age,
        })
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        if !matches!(request.method(), "GET" | "HEAD") {
            return Ok(Response::method_not_allowed("GET, HEAD"));
        }
        let (raw, path) = (request.path(), request.param("path"));
        // Once decoded, a slash cannot be told from one that parts names, and what is no UTF-8 is no parameter.
        if has_encoded_slash(raw) || (path.is_none() && raw.contains('%')) {
            return Ok(not_found());
        }
        let Some(folder) = &self.folder else {
            return Ok(not_found());
        };
        let path = path.unwrap_or_default();
        if path.is_empty() && !raw.ends_with('/') {
            return Ok(moved(request));
        }
        match folder.find(path) {
            Ok(Found::File { file, name }) => {
                let about = file.metadata()?;
                let validators = Validators::of(&about);
                let size = about.len();
                Ok(
                    self.answer(request, &validators, &name, size, |response, part| {
                        response.body_file(file, part.offset, part.length)
                    }),
                )
            }
            // What stands in a folder is found beside it where its path ends in a slash.
            Ok(Found::Folder) if !raw.ends_with('/') => Ok(moved(request)),
            Ok(Found::Folder | Found::Nothing) => Ok(not_found()),
            Err(error) => {
                plugin_api::log::warn!("{raw}: {error}");
                Ok(Response::text("this file cannot be read\n").status(503))
            }
        }
    }
}

/// The part of a file that is sent.
struct Part {
    offset: u64,
    length: u64,
}

impl Files {
    fn answer(
        &self,
        request: &Request,
        validators: &Validators,
        name: &str,
        size: u64,
        send: impl FnOnce(Response, Part) -> Response,
    ) -> Response {
        let with_headers = |response: Response| {
            let kept = match self.max_age {
                0 => "no-cache".to_owned(),
                seconds => format!("max-age={seconds}"),
            };
            validators.write(response).header("Cache-Control", kept)
        };
        match validators.check(request) {
            Verdict::Go => {}
            Verdict::NotModified => return with_headers(Response::new(304)),
            Verdict::Failed => {
                return Response::text("the file has changed meanwhile\n").status(412);
            }
        }
        let is_whole_wanted = request.method() == "HEAD" || !validators.allow_range(request);
        let range = match request.header("Range") {
            Some(range) if !is_whole_wanted => Range::parse(range, size),
            _ => Range::Whole,
        };
        let (response, part) = match range {
            Range::Whole => {
                let (offset, length) = (0, size);
                (Response::new(200), Part { offset, length })
            }
            Range::Part { first, last } => {
                let part = Part {
                    offset: first,
                    length: last - first + 1,
                };
                let place = format!("bytes {first}-{last}/{size}");
                (Response::new(206).header("Content-Range", place), part)
            }
            Range::Unsatisfiable => {
                let text = format!("the file has {size} bytes\n");
                let place = format!("bytes */{size}");
                return Response::text(text)
                    .status(416)
                    .header("Content-Range", place);
            }
        };
        let response = with_headers(response)
            .header("Content-Type", content_type(name))
            .header("Accept-Ranges", "bytes")
            .header("X-Content-Type-Options", "nosniff");
        send(response, part)
    }
}

/// By the name's ending; text is UTF-8.
fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    if guess.type_() == mime_guess::mime::TEXT {
        return format!("{guess}; charset=utf-8");
    }
    guess.to_string()
}

fn has_encoded_slash(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.windows(3).any(|of| of.eq_ignore_ascii_case(b"%2f"))
}

fn moved(request: &Request) -> Response {
    let query = request.query_string();
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    // Relative, so that it leads nowhere else whatever stands before this server.
    let name = request.path().rsplit('/').next().unwrap_or_default();
    let to = format!("./{name}/{query}");
    Response::text(format!("it is a folder: {to}\n"))
        .status(308)
        .header("Location", to)
}

fn not_found() -> Response {
    Response::text("there is no such file\n").status(404)
}

plugin_api::export!(
    Files,
    path = "/files/{*path}",
    options = Options,
    more_paths = ["/files", "/files/"]
);

#[cfg(test)]
mod tests;
