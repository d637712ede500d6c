//! What a library's bytes tell before any of its code runs.
//!
//! A cut or foreign file would end the process inside `dlopen`, and a plugin of another ABI would
//! run before anyone could refuse it; so the ELF structure and the first integers of the entry
//! are read here. Pure functions on bytes.

use object::elf::{PF_X, PT_GNU_STACK, ProgramFlags};
use object::read::elf::ProgramHeader;
use object::read::{Object, ObjectSegment, ObjectSymbol};
use object::{Architecture, BinaryFormat, ObjectKind};
use plugin_api::abi::{ABI_MAJOR, ABI_MINOR, ENTRY_SYMBOL, MAGIC};

/// Why a file is not opened as a plugin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs)] // each variant's text says what it is
pub enum FileError {
    #[error("is empty: was the copy interrupted?")]
    Empty,
    #[error("is no ELF library: remove it from the plugins folder, or build it as a cdylib")]
    NotElf,
    #[error("is damaged or cut ({0}): copy it again")]
    Damaged(String),
    #[error("is an ELF file but no shared library: build it as a cdylib")]
    NotShared,
    #[error("is built for {found}, this machine is {wanted}: build it for this machine")]
    Architecture { found: String, wanted: &'static str },
    #[error(
        "asks for an executable stack, which would weaken the whole server: link it with `-z noexecstack`"
    )]
    ExecutableStack,
    #[error(
        "has no symbol `{ENTRY_SYMBOL}`: is it a Detent plugin? Rust plugins call plugin_api::export!"
    )]
    NoEntry,
    #[error("has a symbol `{ENTRY_SYMBOL}` that is no plugin entry (magic number differs)")]
    BadMagic,
    #[error(
        "built for plugin ABI {major}.{minor}, this server speaks {ABI_MAJOR}.{ABI_MINOR}: rebuild it with plugin-api {ABI_MAJOR}.x"
    )]
    Major { major: u32, minor: u32 },
    #[error(
        "needs plugin ABI {ABI_MAJOR}.{needed}, this server speaks {ABI_MAJOR}.{ABI_MINOR}: update the server, or rebuild it with an older plugin-api"
    )]
    Minor { needed: u32 },
}

/// Checks that `bytes` are a whole shared library for this machine with an entry of this ABI.
pub(in crate::plugin) fn check(bytes: &[u8]) -> Result<(), FileError> {
    if bytes.is_empty() {
        return Err(FileError::Empty);
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Err(FileError::NotElf);
    }
    let damaged = |what: &dyn std::fmt::Display| FileError::Damaged(what.to_string());
    let file = object::File::parse(bytes).map_err(|error| damaged(&error))?;
    if file.format() != BinaryFormat::Elf || file.kind() != ObjectKind::Dynamic {
        return Err(FileError::NotShared);
    }
    if let Some(own) = own_architecture()
        && file.architecture() != own
    {
        let found = format!("{:?}", file.architecture());
        return Err(FileError::Architecture {
            found,
            wanted: std::env::consts::ARCH,
        });
    }
    for segment in file.segments() {
        let (offset, size) = segment.file_range();
        let end = offset.checked_add(size);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(damaged(&"a segment ends behind the end of the file"));
        }
    }
    if wants_executable_stack(&file) {
        return Err(FileError::ExecutableStack);
    }
    check_entry(&file)
}

/// A library that does not say is taken to want one, as the system's loader does.
fn wants_executable_stack(file: &object::File<'_>) -> bool {
    let flags = match file {
        object::File::Elf32(file) => stack_flags(file.elf_program_headers(), file.endian()),
        object::File::Elf64(file) => stack_flags(file.elf_program_headers(), file.endian()),
        _ => None,
    };
    flags.is_none_or(|flags| flags & PF_X == PF_X)
}

fn stack_flags<H: ProgramHeader>(headers: &[H], endian: H::Endian) -> Option<ProgramFlags> {
    let stack = headers
        .iter()
        .find(|header| header.p_type(endian) == PT_GNU_STACK)?;
    Some(stack.p_flags(endian))
}

fn own_architecture() -> Option<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "x86" => Some(Architecture::I386),
        "aarch64" => Some(Architecture::Aarch64),
        "arm" => Some(Architecture::Arm),
        "riscv64" => Some(Architecture::Riscv64),
        _ => None,
    }
}

/// The integers in front of the entry: magic, size, major, minor, minor required.
fn check_entry(file: &object::File<'_>) -> Result<(), FileError> {
    let entry = file
        .dynamic_symbols()
        .find(|symbol| symbol.is_definition() && symbol.name() == Ok(ENTRY_SYMBOL))
        .ok_or(FileError::NoEntry)?;
    let bytes = file
        .segments()
        .find_map(|segment| segment.data_range(entry.address(), 24).ok().flatten())
        .ok_or(FileError::BadMagic)?;
    let integer = |at: usize| {
        let mut raw = [0; 4];
        raw.copy_from_slice(&bytes[at..at + 4]);
        u32::from_ne_bytes(raw)
    };
    if bytes[..8] != MAGIC.to_ne_bytes() {
        return Err(FileError::BadMagic);
    }
    let (major, minor, needed) = (integer(12), integer(16), integer(20));
    if major != ABI_MAJOR {
        return Err(FileError::Major { major, minor });
    }
    if needed > ABI_MINOR {
        return Err(FileError::Minor { needed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FileError, check};

    /// This test's own program: an ELF file of this machine that is no plugin.
    fn own_program() -> Vec<u8> {
        std::fs::read("/proc/self/exe").expect("the program can be read")
    }

    #[test]
    fn files_that_are_no_library_are_told_apart() {
        assert_eq!(check(b""), Err(FileError::Empty));
        assert_eq!(check(b"#!/bin/sh\n"), Err(FileError::NotElf));
        assert!(matches!(check(b"\x7fELF"), Err(FileError::Damaged(_))));
        assert_eq!(check(&own_program()), Err(FileError::NoEntry));
    }

    #[test]
    fn a_cut_file_is_damaged_wherever_it_is_cut() {
        let whole = own_program();
        for percent in (5..100).step_by(5) {
            let cut = &whole[..whole.len() / 100 * percent];
            assert!(
                matches!(check(cut), Err(FileError::Damaged(_))),
                "{percent} per cent"
            );
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_whole_library_with_an_entry_is_accepted() {
        let seed = include_bytes!("../../../../tests/fuzz/seeds/library_file/entry");
        assert_eq!(check(seed), Ok(()));
        let newer = include_bytes!("../../../../tests/fuzz/seeds/library_file/newer-abi");
        assert_eq!(check(newer), Err(FileError::Minor { needed: 9 }));
    }
}
