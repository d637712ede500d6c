//! The message board with a database behind it: names, pictures, a past that can be searched and exported, and a page.
//!
//! SQLite is called from the callbacks, on each client's own thread: a disk that is slow holds up who writes, and nobody who
//! reads, searches, comes or is served elsewhere.
#![forbid(unsafe_code)]

mod picture;
mod store;
mod words;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use plugin_api::{
    Client, Config, ConfigError, FolderError, Host, Message, Plugin, Request, Response, Result,
    Saved, load, log, save,
};

use picture::Picture;
use store::{Content, Draft, Store};
use words::{Asked, Told};

/// Whoever reads the board.
const READERS: &str = "readers";
/// Entries of one answer to a search, or to somebody who scrolls back.
const PAGE_ENTRIES: u32 = 50;
/// Entries that who comes back after an absence gets; of a longer one, the last of it.
const ABSENCE_ENTRIES: u32 = 500;
/// Letters of a name.
const NAME_LETTERS_MAX: usize = 32;

/// The settings of a board.
#[derive(Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// The database; relative to the configuration file. By default `board.sqlite3` in the server's folder for what
    /// plugins keep, and without that in memory.
    file: Option<PathBuf>,
    /// Entries that a newcomer gets.
    past: u32,
    /// Entries that are kept; the oldest go first.
    entries_max: u32,
    /// Bytes of a text.
    text_bytes: usize,
    /// Bytes of a picture; the route's `message` has to allow them too.
    picture_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            file: None,
            past: 50,
            entries_max: 100_000,
            text_bytes: 4000,
            picture_bytes: 60_000,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), ConfigError> {
        if self.entries_max == 0 {
            return Err(ConfigError::new("entries_max", "keep one at least"));
        }
        if self.past > ABSENCE_ENTRIES {
            let text = format!("{ABSENCE_ENTRIES} at most: who wants more scrolls back");
            return Err(ConfigError::new("past", text));
        }
        Ok(())
    }
}

struct Board {
    host: Host,
    options: Options,
    store: Store,
}

/// One who is here.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Guest {
    /// Empty until it has said what it is called.
    name: String,
}

impl Plugin for Board {
    type Session = Guest;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        options.check()?;
        let store = Store::open(file(&host, &options)?, options.entries_max)?;
        Ok(Board {
            host,
            options,
            store,
        })
    }

    fn check(config: Config) -> Result<plugin_api::Checked> {
        config.parse::<Options>()?.check()?;
        Ok(plugin_api::Checked::Done)
    }

    /// `?since=` is the number of the last entry that it has. What is said while the past is read comes once or twice, never
    /// not at all: it is a reader first, and numbers tell what it has already.
    fn on_open(&self, client: &Client, request: &Request) -> Result<Guest> {
        client.join(READERS)?;
        let since = request.query("since").and_then(|since| since.parse().ok());
        let entries = match since {
            Some(since) => self.store.behind(since, ABSENCE_ENTRIES)?,
            None => self.store.last(self.options.past)?,
        };
        let told = Told::Welcome {
            entries: &entries,
            text_bytes: self.options.text_bytes,
            picture_bytes: self.options.picture_bytes,
        };
        client.send(serde_json::to_string(&told)?)?;
        Ok(Guest::default())
    }

    fn on_message(&self, client: &Client, guest: &mut Guest, message: Message) -> Result {
        let outcome = match message {
            Message::Text(text) => self.on_text(client, guest, text),
            Message::Binary(bytes) => self.on_picture(guest, bytes),
        };
        // What one asks for in vain costs it an answer, not its connection.
        if let Err(error) = outcome {
            log::info!("client {}: {error}", client.id());
            let text = error.to_string();
            client.send(serde_json::to_string(&Told::Refused(&text))?)?;
        }
        Ok(())
    }

    /// The page; `?picture=ID` a picture, `?export` everything as JSON, a line for each entry.
    fn on_request(&self, request: &Request) -> Result<Response> {
        let wants_more = request.query("picture").is_some() || request.query("export").is_some();
        if wants_more && !matches!(request.method(), "GET" | "HEAD") {
            return Ok(Response::method_not_allowed("GET, HEAD"));
        }
        if let Some(id) = request.query("picture") {
            let id = id.parse().ok();
            let found = id.map(|id| self.store.picture(id)).transpose()?.flatten();
            return Ok(found.map_or_else(|| Response::new(404).body("no such picture\n"), shown));
        }
        if request.query("export").is_some() {
            return self.export();
        }
        Ok(Response::page(request, include_str!("page.html")))
    }

    fn save_session(&self, _client: &Client, guest: &Guest) -> Result<Option<Vec<u8>>> {
        save(guest)
    }

    /// The page has the past already, and the hub goes on with its membership.
    fn on_resume(&self, client: &Client, request: &Request, old: Option<Saved>) -> Result<Guest> {
        old.map_or_else(|| self.on_open(client, request), load)
    }
}

impl Board {
    fn on_text(&self, client: &Client, guest: &mut Guest, text: &str) -> Result {
        match serde_json::from_str(text)? {
            Asked::Name(name) => {
                guest.name = checked_name(&name)?;
                client.set_label(&guest.name).ok();
                client.send(serde_json::to_string(&Told::You { name: &guest.name })?)?;
                Ok(())
            }
            Asked::Say(text) if text.trim().is_empty() => Err("there is nothing in it".into()),
            Asked::Say(text) if text.len() > self.options.text_bytes => {
                Err(format!("longer than {} bytes", self.options.text_bytes).into())
            }
            Asked::Say(text) => self.write(guest, Content::Text(&text)),
            Asked::Search { words, before } => {
                let entries = self.store.search(&words, before, PAGE_ENTRIES)?;
                let told = Told::Found {
                    words: &words,
                    entries: &entries,
                };
                client.send(serde_json::to_string(&told)?)?;
                Ok(())
            }
            Asked::Before(id) => {
                let entries = self.store.before(id, PAGE_ENTRIES)?;
                client.send(serde_json::to_string(&Told::Past { entries: &entries })?)?;
                Ok(())
            }
        }
    }

    fn on_picture(&self, guest: &Guest, bytes: &[u8]) -> Result {
        if bytes.len() > self.options.picture_bytes {
            return Err(format!("larger than {} bytes", self.options.picture_bytes).into());
        }
        let picture = Picture::of(bytes).ok_or("no picture: PNG, JPEG, GIF and WebP are")?;
        self.write(guest, Content::Picture(picture, bytes))
    }

    /// Writes an entry, then says it to all: what they have read is on the disk. Blocks on the disk, and behind others that
    /// write. Said under the same lock, so that all read entries in the order of their numbers.
    fn write(&self, guest: &Guest, content: Content<'_>) -> Result {
        if guest.name.is_empty() {
            return Err("say first what you are called".into());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let draft = Draft {
            at: i64::try_from(now.as_millis())?,
            name: &guest.name,
            content,
        };
        self.store.write(&draft, |entry| {
            let told = serde_json::to_string(&Told::Entry(entry))?;
            self.host.publish(READERS, told)?;
            Ok(())
        })
    }

    /// From a file that has no name any more and ends with the answer: a board of any size costs no memory.
    fn export(&self) -> Result<Response> {
        let file = tempfile::tempfile()?;
        let length = self.store.export(&file)?;
        Ok(Response::new(200)
            .header("Content-Type", "application/x-ndjson")
            .header(
                "Content-Disposition",
                "attachment; filename=\"board.ndjson\"",
            )
            .body_file(file, 0, length))
    }
}

/// Where the database is; none for in memory.
fn file(host: &Host, options: &Options) -> Result<Option<PathBuf>> {
    if let Some(file) = &options.file {
        return Ok(Some(host.config_folder()?.join(file)));
    }
    match host.state_folder() {
        Ok(folder) => Ok(Some(folder.join("board.sqlite3"))),
        Err(FolderError::None) => {
            let path = host.path();
            log::info!("{path}: kept in memory until the option `file` or `state_dir` is set");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    let letters = name.chars().count();
    if letters == 0 || letters > NAME_LETTERS_MAX {
        return Err(format!("a name has 1 to {NAME_LETTERS_MAX} letters").into());
    }
    if name.chars().any(char::is_control) {
        return Err("a name is one line of text".into());
    }
    Ok(name.to_owned())
}

/// What a stranger has sent, shown by browsers as what it was checked to be and as nothing else.
fn shown((kind, bytes): (Picture, Vec<u8>)) -> Response {
    Response::new(200)
        .header("Content-Type", kind.media_type())
        .header("X-Content-Type-Options", "nosniff")
        .header("Content-Security-Policy", "default-src 'none'; sandbox")
        .header("Cache-Control", "private, max-age=31536000, immutable")
        .body(bytes)
}

plugin_api::export!(Board, path = "/board", options = Options, state_format = 1);

#[cfg(test)]
mod tests;
