//! What kind of picture some bytes are, by what they begin with: what a browser says of a file is worth nothing.

/// A kind of picture that every browser shows, and that cannot hold a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl Picture {
    const ALL: [Picture; 4] = [Picture::Png, Picture::Jpeg, Picture::Gif, Picture::WebP];

    /// None where it is none of them.
    pub(crate) fn of(bytes: &[u8]) -> Option<Picture> {
        Some(match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Picture::Png,
            [0xff, 0xd8, 0xff, ..] => Picture::Jpeg,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Picture::Gif,
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Picture::WebP,
            _ => return None,
        })
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Picture::Png => "image/png",
            Picture::Jpeg => "image/jpeg",
            Picture::Gif => "image/gif",
            Picture::WebP => "image/webp",
        }
    }

    /// The one of this media type.
    pub(crate) fn of_media_type(media_type: &str) -> Option<Picture> {
        let mut all = Picture::ALL.into_iter();
        all.find(|picture| picture.media_type() == media_type)
    }
}
