//! The export macro and the constant data that it makes.
//!
//! Everything here is computed at compile time: the entry is read from the file's bytes before any
//! code of the library runs.

use crate::abi::{ABI_MAJOR, ABI_MINOR, Bytes, Descriptor, Entry, Functions, MAGIC};
use crate::declaration::{Exported, MORE_PATHS_MAX, SUBPROTOCOLS_MAX};
use crate::glue;

/// Makes a plugin of the library: `export!(Echo, path = "/echo");`, once, anywhere in the crate.
///
/// - `path`: where it is served unless the server's configuration says otherwise.
/// - `options = Options`: the type that `create` parses its options into, behind `path`; `server --check`
///   then does so too, without making a value of the plugin. See [`Plugin::check`](crate::Plugin::check).
/// - `more_paths = ["/push/{topic}"]`: further paths that the same value of the plugin serves.
/// - `event_stream = true`: its routes take clients of event streams too, unless the settings say otherwise.
/// - `name = "..."`: 1 to 64 of `a-z`, `0-9`, `-`, `_`; the package's name by default.
/// - `subprotocols = ["...", "..."]`: what it speaks, best first (RFC 6455 section 1.9).
/// - `state_format = 2`: version of what `save_state` and `save_session` write; 0 by default.
/// - `reads_state_formats = [1]`: older versions that `resume` and `on_resume` read too; 16 at most.
///
/// ```
/// # use plugin_api::{Config, Host, Plugin, Result};
/// # struct Chat;
/// # impl Plugin for Chat {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Chat) }
/// # }
/// plugin_api::export!(Chat, path = "/chat", name = "board", subprotocols = ["v2.board", "v1.board"]);
/// # fn main() {}
/// ```
///
/// A library is one plugin: a second `export!` in it does not compile, nor does a path that no server could serve.
/// Plugins are built with `panic = "unwind"`, the default; anything else does not compile.
#[macro_export]
macro_rules! export {
    (@session $plugin:ty) => {
        fn session_by_default() -> ::std::option::Option<<$plugin as $crate::Plugin>::Session> {
            #[allow(unused_imports)]
            use $crate::declaration::NoDefault as _;
            $crate::declaration::SessionOf::<<$plugin as $crate::Plugin>::Session>::by_default()
        }
    };
    ($plugin:ty, path = $path:expr, options = $options:ty $(, $option:ident = $value:expr)* $(,)?) => {
        $crate::export!(@ $plugin, $path, {
            fn check_options(config: &$crate::Config) -> $crate::Result<$crate::Checked> {
                config.parse::<$options>()?;
                ::std::result::Result::Ok($crate::Checked::Done)
            }
        } $(, $option = $value)*);
    };
    ($plugin:ty, path = $path:expr $(, $option:ident = $value:expr)* $(,)?) => {
        $crate::export!(@ $plugin, $path, {} $(, $option = $value)*);
    };
    (@ $plugin:ty, $path:expr, { $($check:item)? } $(, $option:ident = $value:expr)*) => {
        #[cfg(not(panic = "unwind"))]
        ::std::compile_error!(
            "a plugin must be built with `panic = \"unwind\"`: with `abort`, a panic in it would end the server"
        );

        impl $crate::declaration::Exported for $plugin {
            const DECLARATION: $crate::declaration::Declaration = $crate::declaration::Declaration::new(
                ::std::env!("CARGO_PKG_NAME"),
                ::std::env!("CARGO_PKG_VERSION"),
                ::std::module_path!(),
                $path,
            )$(.$option(&$value))*.debug_build(&::std::cfg!(debug_assertions));
            $($check)?

            $crate::export!(@session $plugin);
        }

        /// A library is one plugin: a second `export!`, in whatever module, is told by this name, since each of them
        /// puts it at the root of the crate.
        #[doc(hidden)]
        #[macro_export]
        #[allow(non_local_definitions)]
        macro_rules! OnePluginForEachLibrary {
            () => {};
        }

        const _: () = {
            #[unsafe(export_name = "detent_plugin")]
            pub static ENTRY: $crate::abi::Entry = $crate::export::entry::<$plugin>();
        };
    };
}

/// The constant data of one plugin; constants, so that references to them live for ever.
struct Tables<P>(std::marker::PhantomData<P>);

impl<P: Exported> Tables<P> {
    const FUNCTIONS: &'static Functions = &glue::functions::<P>();
    const SUBPROTOCOLS: &'static [Bytes; SUBPROTOCOLS_MAX] = &P::DECLARATION.subprotocol_list();
    const MORE_PATHS: &'static [Bytes; MORE_PATHS_MAX] = &P::DECLARATION.more_path_list();
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        size: size_of::<Descriptor>() as u32,
        state_format: P::DECLARATION.state_format,
        name: P::DECLARATION.checked_name(),
        version: Bytes::new(P::DECLARATION.version.as_bytes()),
        default_path: Bytes::new(P::DECLARATION.path.as_bytes()),
        subprotocols: Self::SUBPROTOCOLS.as_ptr(),
        subprotocol_count: P::DECLARATION.subprotocols.len(),
        functions: Self::FUNCTIONS,
        get_extension: Some(glue::extensions::get_extension::<P>),
        more_paths: Self::MORE_PATHS.as_ptr(),
        more_path_count: P::DECLARATION.more_paths.len(),
        flags: P::DECLARATION.flags(),
        reads_state_formats: P::DECLARATION.reads_state_formats.as_ptr(),
        reads_state_format_count: P::DECLARATION.reads_state_formats.len(),
    };
}

/// What the library exports.
#[doc(hidden)]
pub const fn entry<P: Exported>() -> Entry {
    Entry {
        magic: MAGIC,
        size: size_of::<Entry>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        minor_required: 0,
        built_with: Bytes::new(
            concat!("plugin-api ", env!("CARGO_PKG_VERSION"), " (Rust)").as_bytes(),
        ),
        init: Some(glue::init::<P>),
        set_log_level: Some(glue::set_log_level),
        descriptor: Tables::<P>::DESCRIPTOR,
    }
}
