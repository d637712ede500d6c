//! Tokens: who shows one may read or write the topics that stand behind it in a file.
//!
//! Connection threads ask. The file is looked at again at most once a second, so that a changed one holds
//! without a reload; one that has become wrong is told in the log, and what was read before goes on to hold.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use plugin_api::{Request, log};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::topics;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Lengths of a token.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// In front of a token that stands in the file as its hash.
const HASHED: &str = "sha256:";

type Hash = [u8; 32];

/// What one token may do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    read: Vec<Pattern>,
    write: Vec<Pattern>,
}

/// One topic, or all that begin alike.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Topic(Box<str>),
    Begins(Box<str>),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
}

impl Rights {
    /// The first of `topics` that these rights do not cover.
    pub(crate) fn lacks<'t>(&self, right: Right, topics: &'t [Arc<str>]) -> Option<&'t str> {
        let patterns = match right {
            Right::Read => &self.read,
            Right::Write => &self.write,
        };
        let covers = |topic: &str| {
            patterns.iter().any(|pattern| match pattern {
                Pattern::Topic(one) => **one == *topic,
                Pattern::Begins(start) => topic.starts_with(&**start),
            })
        };
        topics
            .iter()
            .map(|topic| &**topic)
            .find(|topic| !covers(topic))
    }
}

/// The token that a request shows: in its header (RFC 6750 section 2.1), or, for what cannot set one,
/// in its query (section 2.3).
pub(crate) fn shown(request: &Request) -> Option<Arc<str>> {
    if let Some(value) = request.header("authorization") {
        let (scheme, token) = value.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| token.trim_start().into());
    }
    topics::values(request, "access_token").into_iter().next()
}

/// What the file says, each token by its hash.
#[derive(Debug, Default)]
struct List(Vec<(Hash, Arc<Rights>)>);

impl List {
    /// The rights of a token, found in a time that tells of none of them.
    fn find(&self, token: &str) -> Option<Arc<Rights>> {
        let hash: Hash = Sha256::digest(token).into();
        let mut found = None;
        for (of, rights) in &self.0 {
            if bool::from(of.ct_eq(&hash)) {
                found = Some(rights.clone());
            }
        }
        found
    }

    fn parse(text: &str) -> Result<List, String> {
        let mut list = List::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_line(line).map_err(|why| format!("line {}: {why}", index + 1))?;
            list.0.push(entry);
        }
        if list.0.is_empty() {
            return Err("there is no token in it: write one a line".to_owned());
        }
        Ok(list)
    }
}

/// `TOKEN write=TOPIC,... read=TOPIC,...`
fn parse_line(line: &str) -> Result<(Hash, Arc<Rights>), String> {
    let mut words = line.split_ascii_whitespace();
    let hash = parse_token(words.next().unwrap_or_default())?;
    let mut rights = Rights::default();
    for word in words {
        let (patterns, topics) = match word.split_once('=') {
            Some(("read", topics)) => (&mut rights.read, topics),
            Some(("write", topics)) => (&mut rights.write, topics),
            _ => {
                return Err(format!(
                    "`{word}` is neither read=TOPIC,... nor write=TOPIC,..."
                ));
            }
        };
        for topic in topics.split(',') {
            patterns.push(parse_pattern(topic)?);
        }
    }
    if rights == Rights::default() {
        return Err("it does not say what the token may: add write=* or read=TOPIC,...".to_owned());
    }
    Ok((hash, Arc::new(rights)))
}

fn parse_token(text: &str) -> Result<Hash, String> {
    if let Some(hex) = text.strip_prefix(HASHED) {
        let digits = |index| u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok();
        let mut hash = Hash::default();
        for (index, byte) in hash.iter_mut().enumerate() {
            let parsed = digits(index).filter(|_| hex.len() == 64);
            *byte = parsed.ok_or("sha256: is followed by 64 hexadecimal digits")?;
        }
        return Ok(hash);
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !TOKEN_BYTES.contains(&text.len()) || !text.bytes().all(is_allowed) {
        // It is a secret, so that it is not repeated.
        return Err(
            "a token has 16 to 512 letters, digits or characters of `-._~+/=`, such as `openssl rand -hex \
             32` gives, or is sha256: and its hash"
                .to_owned(),
        );
    }
    Ok(Sha256::digest(text).into())
}

fn parse_pattern(text: &str) -> Result<Pattern, String> {
    let decode = |text| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map_err(|_| format!("topic `{text}` is not UTF-8"))
    };
    if let Some(start) = text.strip_suffix('*') {
        return Ok(Pattern::Begins((*decode(start)?).into()));
    }
    let topic = decode(text)?;
    topics::check(&topic).map_err(|why| format!("topic `{topic}`: {why}"))?;
    Ok(Pattern::Topic((*topic).into()))
}

/// The file of tokens, as it was last read.
pub(crate) struct TokensFile {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    list: Arc<List>,
    stamp: Option<Stamp>,
    looked: Instant,
}

/// What changes with the content of a file.
type Stamp = (u64, u64, i64, i64, u64, u32);

fn stamp(metadata: &Metadata) -> Stamp {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.len(),
        metadata.mode(),
    )
}

impl TokensFile {
    /// Reads it. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or a line of it is wrong.
    pub(crate) fn open(path: PathBuf) -> Result<TokensFile, String> {
        let (list, stamp) = read(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(TokensFile {
            path,
            state: Mutex::new(State {
                list: Arc::new(list),
                stamp: Some(stamp),
                looked: Instant::now(),
            }),
        })
    }

    /// The rights of a token; none where there is no such token. Blocks on the disk where the file has
    /// changed.
    pub(crate) fn rights(&self, token: &str) -> Option<Arc<Rights>> {
        let list = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.looked.elapsed() >= LOOK {
                self.look(&mut state);
            }
            state.list.clone()
        };
        list.find(token)
    }

    fn look(&self, state: &mut State) {
        state.looked = Instant::now();
        let now = fs::metadata(&self.path).ok().map(|of| stamp(&of));
        if now == state.stamp {
            return;
        }
        match read(&self.path) {
            Ok((list, stamp)) => {
                log::info!("{}: {} tokens", self.path.display(), list.0.len());
                state.list = Arc::new(list);
                state.stamp = Some(stamp);
            }
            Err(why) => {
                let path = self.path.display();
                log::warn!("{path}: {why}; the tokens that were read before go on to hold");
                state.stamp = now;
            }
        }
    }
}

fn read(path: &Path) -> Result<(List, Stamp), String> {
    let (text, stamp) = read_private(path).map_err(|error| error.to_string())?;
    Ok((List::parse(&text)?, stamp))
}

/// Reads a file that nobody else may read, and that only its owner may write.
fn read_private(path: &Path) -> io::Result<(String, Stamp)> {
    let mut options = OpenOptions::new();
    // A name that leads to a pipe must not hold up the server.
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let file = options.read(true).custom_flags(nonblocking).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.mode() & 0o027 != 0 {
        let why = "others may read it or its group may write it: `chmod 640` it";
        return Err(io::Error::other(why));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok((text, stamp(&metadata)))
}
