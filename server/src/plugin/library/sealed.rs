//! The sealed copy in memory that a library is opened from.
//!
//! Main thread only; blocks for as long as the kernel does. Knows bytes and files, and nothing of libraries.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use crate::limits::SEAL_TRIES_MAX;

/// A file in memory that nobody can change any more, ourselves included.
pub(super) fn sealed_copy(name: &str, bytes: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag, later ones may ask for it.
    let copy = rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create(name, flags))?;
    let mut file = File::from(copy);
    file.write_all(bytes)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    while_busy(|| rustix::fs::fcntl_add_seals(&file, seals))?;
    Ok(file)
}

/// Seals, again and again where the kernel refuses for the moment: it cannot seal while it holds on to one of
/// the pages itself, as when it moves memory about on a busy machine. It has waited before it says so.
fn while_busy(mut seal: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    for _ in 1..SEAL_TRIES_MAX {
        match seal() {
            Err(Errno::BUSY) => {}
            done => return done,
        }
    }
    seal()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::{Errno, SEAL_TRIES_MAX, sealed_copy, while_busy};

    #[test]
    fn a_copy_can_be_changed_by_nobody() {
        let copy = sealed_copy("lib.so", b"content").expect("memory");
        assert!(copy.write_at(b"other", 0).is_err());
        assert!(copy.set_len(3).is_err());
        let mut content = [0; 7];
        copy.read_exact_at(&mut content, 0).expect("it is there");
        assert_eq!(&content, b"content");
    }

    /// Beside a load of eight a server started without one of its plugins: "cannot be read: Device or
    /// resource busy".
    #[test]
    fn a_page_that_the_kernel_holds_is_waited_for() {
        let mut tries = 0;
        let sealed = while_busy(|| {
            tries += 1;
            if tries < 3 { Err(Errno::BUSY) } else { Ok(()) }
        });
        assert_eq!((sealed, tries), (Ok(()), 3));
    }

    #[test]
    fn it_is_waited_for_so_long_and_no_longer_and_for_nothing_else() {
        let mut tries = 0;
        let refused = while_busy(|| {
            tries += 1;
            Err(Errno::BUSY)
        });
        assert_eq!((refused, tries), (Err(Errno::BUSY), SEAL_TRIES_MAX));
        let refused = while_busy(|| {
            tries += 1;
            Err(Errno::PERM)
        });
        assert_eq!((refused, tries), (Err(Errno::PERM), SEAL_TRIES_MAX + 1));
    }

    /// What pins a page shows that this is the refusal: here a pipe that the page lies in.
    #[test]
    fn a_page_in_a_pipe_is_one_that_is_held() {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("pinned", flags).expect("memory"));
        file.write_all_at(&[1; 4096], 0).expect("memory");
        let (read, write) = rustix::pipe::pipe().expect("descriptors");
        let none = rustix::pipe::SpliceFlags::empty();
        let count = rustix::pipe::splice(&file, Some(&mut 0), &write, None, 4096, none);
        assert_eq!(count, Ok(4096));
        assert_eq!(fcntl_add_seals(&file, SealFlags::WRITE), Err(Errno::BUSY));
        drop((read, write));
        assert_eq!(
            while_busy(|| fcntl_add_seals(&file, SealFlags::WRITE)),
            Ok(())
        );
    }
}
