//! Bodies of requests: text, JSON and forms.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::{Request, reading};

/// Why a body could not be read. As an answer it is 400, or 415 for [`BodyError::Type`]: `BodyError::status`.
///
/// ```
/// use plugin_api::{Request, Response, Result};
///
/// fn order(request: &Request) -> Result<Response> {
///     Ok(match request.json::<Vec<u32>>() {
///         Ok(numbers) => Response::text(format!("{} ordered", numbers.len())),
///         // 400 or 415, and what is wrong.
///         Err(error) => Response::text(error.to_string()).status(error.status()),
///     })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is no UTF-8.
    #[error("the body is not UTF-8")]
    NotText,
    /// It is no JSON, or of another shape: what, and where.
    #[error("the body is not the JSON that is expected: {0}")]
    Json(serde_json::Error),
    /// It is sent as something else.
    #[error("the body is sent as {found}, expected {expected}")]
    Type {
        /// Its `Content-Type`, or `nothing that is named`.
        found: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// It is a broken multipart form: what is wrong with it.
    #[error("the form cannot be read: {0}")]
    Multipart(String),
}

impl BodyError {
    /// The status to answer it with.
    ///
    /// ```
    /// # use plugin_api::{Request, Response, Result};
    /// fn on_request(request: &Request) -> Result<Response> {
    ///     match request.json::<Vec<u32>>() {
    ///         Ok(numbers) => Ok(Response::text(format!("{}", numbers.len()))),
    ///         Err(error) => Ok(Response::text(format!("{error}\n")).status(error.status())),
    ///     }
    /// }
    /// ```
    pub fn status(&self) -> u16 {
        match self {
            BodyError::Type { .. } => 415,
            BodyError::NotText | BodyError::Json(_) | BodyError::Multipart(_) => 400,
        }
    }
}

/// A form that was sent, field by field in the order they came.
///
/// ```
/// use plugin_api::{Request, Response, Result};
///
/// fn sign(request: &Request) -> Result<Response> {
///     let form = request.form()?;
///     let name = form.get("name").unwrap_or("nobody");
///     let wishes: Vec<&str> = form.all("wish").collect();
///     Ok(Response::text(format!("{name} wants {}", wishes.join(" and "))))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<Field>,
}

/// One field of a [`Form`].
///
/// ```
/// use plugin_api::{Request, Response, Result};
///
/// /// A form with a file needs the feature `multipart`.
/// fn upload(request: &Request) -> Result<Response> {
///     let form = request.form()?;
///     let Some(file) = form.file("picture") else {
///         return Ok(Response::text("no picture in it").status(400));
///     };
///     let (name, bytes) = (file.file_name().unwrap_or("picture"), file.content().len());
///     Ok(Response::text(format!("{name} has {bytes} bytes")))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

impl Form {
    /// Text of the first field of that name that is no file and is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Texts of all fields of that name that are no files and are UTF-8.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |field| field.name == name && field.file_name.is_none())
            .filter_map(|field| std::str::from_utf8(&field.content).ok())
    }

    /// The first file of that name. Only a form of `multipart/form-data` has any.
    pub fn file(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name == name && field.file_name.is_some())
    }

    /// All fields, files too.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn urlencoded(body: &[u8]) -> Form {
        let fields = reading::query_pairs(body).map(|(name, value)| Field {
            name: name.into_owned(),
            file_name: None,
            content_type: None,
            content: value.into_owned().into_bytes(),
        });
        Form {
            fields: fields.collect(),
        }
    }
}

impl Field {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the client calls the file: any text, so never a path to write to. None where it is no file.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// What the client says that it is, such as `image/png`: look into the content before you believe it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// What was sent.
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
#[cfg(feature = "multipart")]
const FORMS: &str = "application/x-www-form-urlencoded or multipart/form-data";
#[cfg(not(feature = "multipart"))]
const FORMS: &str = URLENCODED;

impl Request {
    /// The body as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub fn text(&self) -> Result<&str, BodyError> {
        std::str::from_utf8(self.body()).map_err(|_| BodyError::NotText)
    }

    /// The body as JSON, in a shape of your own. What it says that it is does not matter: scripts often say nothing.
    ///
    /// # Errors
    /// It is no JSON, or of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        serde_json::from_slice(self.body()).map_err(BodyError::Json)
    }

    /// The body as a form: of `application/x-www-form-urlencoded`, and with the feature `multipart` of this crate
    /// of `multipart/form-data` too, which is how browsers send files. It is as large as the server lets bodies be.
    ///
    /// # Errors
    /// It is sent as something else, or broken.
    pub fn form(&self) -> Result<Form, BodyError> {
        let content_type = self.header("Content-Type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(URLENCODED) {
            return Ok(Form::urlencoded(self.body()));
        }
        #[cfg(feature = "multipart")]
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            return multipart::read(content_type, self.body());
        }
        let found: Cow<'_, str> = match content_type {
            "" => "nothing that is named".into(),
            named => named.into(),
        };
        Err(BodyError::Type {
            found: found.into_owned(),
            expected: FORMS,
        })
    }
}

#[cfg(feature = "multipart")]
mod multipart {
    //! Forms with files. The crate that reads them is made for streams; here the whole body is there, so that none
    //! of its futures ever waits and each is done when it is asked for the first time.

    use std::convert::Infallible;
    use std::future::ready;

    use futures_util::{FutureExt, stream};

    use super::{BodyError, Field, Form};

    pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Form, BodyError> {
        let boundary = multer::parse_boundary(content_type).map_err(broken)?;
        let body = multer::bytes::Bytes::copy_from_slice(body);
        let whole = stream::once(ready(Ok::<_, Infallible>(body)));
        let mut parts = multer::Multipart::new(whole, boundary);
        let mut form = Form::default();
        while let Some(part) = at_once(parts.next_field())? {
            form.fields.push(Field {
                name: part.name().unwrap_or_default().to_owned(),
                file_name: part.file_name().map(str::to_owned),
                content_type: part.content_type().map(ToString::to_string),
                content: at_once(part.bytes())?.to_vec(),
            });
        }
        Ok(form)
    }

    fn at_once<T>(step: impl Future<Output = Result<T, multer::Error>>) -> Result<T, BodyError> {
        let done = step.now_or_never();
        let done = done.ok_or_else(|| BodyError::Multipart("it ends early".to_owned()))?;
        done.map_err(broken)
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
    fn broken(error: multer::Error) -> BodyError {
        BodyError::Multipart(error.to_string())
    }
}
