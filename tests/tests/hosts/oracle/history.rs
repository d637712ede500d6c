//! The stream as Redis has it in the end: what was said, and in which order.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use tests::Redis;

/// Where a message stands: of which epoch, and its number.
pub(super) type Place = (u64, u64);

/// What is kept on the route, in its order.
pub(super) struct Stream {
    order: Vec<Place>,
    texts: HashMap<Place, String>,
    places: HashMap<String, Vec<Place>>,
}

impl Stream {
    /// Reads all of it.
    #[track_caller]
    pub(super) fn read(redis: &Redis, key: &str) -> Stream {
        let mut stream = Stream {
            order: Vec::new(),
            texts: HashMap::new(),
            places: HashMap::new(),
        };
        let socket = UnixStream::connect(redis.socket()).expect("Redis is there");
        let mut ask = socket.try_clone().expect("a descriptor");
        ask.write_all(format!("XRANGE {key} - +\r\n").as_bytes())
            .expect("it reads");
        let mut reader = BufReader::new(socket);
        for _ in 0..count(&mut reader) {
            assert_eq!(count(&mut reader), 2);
            let id = String::from_utf8(bulk(&mut reader)).expect("a name");
            assert_eq!(count(&mut reader), 4);
            let [_, meta, _, payload] = std::array::from_fn(|_| bulk(&mut reader));
            // Behind the instance and the version: 2 is what is kept.
            if meta[5] != 2 {
                continue;
            }
            let (epoch, offset) = id.split_once('-').expect("two numbers");
            let number = |text: &str| text.parse().expect("a number");
            let place = (number(epoch), number(offset));
            let text = String::from_utf8(payload).expect("text");
            stream.order.push(place);
            stream.places.entry(text.clone()).or_default().push(place);
            stream.texts.insert(place, text);
        }
        stream
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// What stands at a place.
    pub(super) fn text(&self, place: Place) -> Option<&str> {
        self.texts.get(&place).map(String::as_str)
    }

    /// Where a text stands, in order; it may have been sent twice, of which everybody hears the first.
    pub(super) fn places(&self, text: &str) -> &[Place] {
        self.places.get(text).map_or(&[], Vec::as_slice)
    }

    /// Texts between two places that stand nowhere before: what is to be heard between these two.
    pub(super) fn between(&self, from: Place, to: Place) -> Vec<&str> {
        let begin = self.order.partition_point(|place| *place <= from);
        let end = self.order.partition_point(|place| *place < to);
        let places = self.order.get(begin..end.max(begin)).unwrap_or_default();
        let texts = places
            .iter()
            .map(|place| (place, self.texts[place].as_str()));
        texts
            .filter(|(place, text)| self.places[*text][0] == **place)
            .map(|(_, text)| text)
            .collect()
    }
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("Redis answers");
    line.trim_end().to_owned()
}

/// The number of elements of an array.
fn count(reader: &mut impl BufRead) -> usize {
    let line = line(reader);
    let count = line.strip_prefix('*').and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("no array: {line}"))
}

fn bulk(reader: &mut impl BufRead) -> Vec<u8> {
    let line = line(reader);
    let length = line
        .strip_prefix('$')
        .and_then(|length| length.parse().ok());
    let length: usize = length.unwrap_or_else(|| panic!("no text: {line}"));
    let mut bytes = vec![0; length + 2];
    reader.read_exact(&mut bytes).expect("all of it");
    bytes.truncate(length);
    bytes
}
