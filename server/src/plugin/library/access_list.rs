//! Who beside owner, group and everyone may write, by a POSIX access list: acl(5).
//!
//! Main thread.

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{fgetxattr, lgetxattr};

/// Where Linux keeps the list; its bytes are those of `struct posix_acl_xattr_header` and its entries.
const NAME: &str = "system.posix_acl_access";
const LIST_BYTES_MAX: usize = 64 * 1024;

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const WRITE: u16 = 2;

/// Somebody who may write to an open file by its list, such as `user 1000`. None where there is no list, or
/// the file system has none.
pub(super) fn of_file(file: BorrowedFd<'_>) -> Option<String> {
    let mut list = vec![0; LIST_BYTES_MAX];
    let length = fgetxattr(file, NAME, list.as_mut_slice()).ok()?;
    writer_in(&list[..length])
}

/// As [`of_file`], of what stands at `path`.
pub(super) fn of_path(path: &Path) -> Option<String> {
    let mut list = vec![0; LIST_BYTES_MAX];
    let length = lgetxattr(path, NAME, list.as_mut_slice()).ok()?;
    writer_in(&list[..length])
}

/// The first who is neither root nor the server's user or group.
fn writer_in(list: &[u8]) -> Option<String> {
    let entries = || {
        let (entries, _) = list.get(4..).unwrap_or_default().as_chunks::<8>();
        entries.iter().map(|&[t0, t1, p0, p1, i0, i1, i2, i3]| {
            let tag = u16::from_le_bytes([t0, t1]);
            let permissions = u16::from_le_bytes([p0, p1]);
            (tag, permissions, u32::from_le_bytes([i0, i1, i2, i3]))
        })
    };
    // The mask bounds what named users and groups may.
    let mask = entries().find(|&(tag, ..)| tag == MASK);
    let mask = mask.map_or(WRITE, |(_, permissions, _)| permissions);
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let may_write = entries().filter(|&(_, permissions, _)| permissions & mask & WRITE != 0);
    may_write
        .filter_map(|(tag, _, id)| match tag {
            USER if id != 0 && id != user => Some(format!("user {id}")),
            GROUP if id != group => Some(format!("group {id}")),
            _ => None,
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::writer_in;

    /// A list of tag, permissions and id.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    const OWNER: (u16, u16, u32) = (0x01, 6, u32::MAX);

    #[test]
    fn who_is_named_and_may_write_is_found() {
        let somebody = list(&[OWNER, (0x02, 6, 4711), (0x10, 6, u32::MAX)]);
        assert_eq!(writer_in(&somebody).as_deref(), Some("user 4711"));
        let group = list(&[OWNER, (0x02, 4, 4711), (0x08, 7, 4712), (0x10, 7, u32::MAX)]);
        assert_eq!(writer_in(&group).as_deref(), Some("group 4712"));
    }

    #[test]
    fn who_may_only_read_or_is_masked_or_is_trusted_is_not() {
        let readers = list(&[OWNER, (0x02, 4, 4711), (0x10, 7, u32::MAX)]);
        assert_eq!(writer_in(&readers), None);
        let masked = list(&[OWNER, (0x02, 6, 4711), (0x10, 4, u32::MAX)]);
        assert_eq!(writer_in(&masked), None);
        let own = rustix::process::geteuid().as_raw();
        let trusted = list(&[OWNER, (0x02, 6, 0), (0x02, 6, own), (0x10, 6, u32::MAX)]);
        assert_eq!(writer_in(&trusted), None);
        assert_eq!(writer_in(b""), None);
        assert_eq!(writer_in(&[2, 0, 0, 0, 2, 0, 6]), None);
    }
}
