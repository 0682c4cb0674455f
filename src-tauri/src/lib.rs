//! The desktop shell: one window around a running node. All IO of the desktop is here: the web view, notifications, and the
//! command line of the window. What is shown and done is `app`'s; nothing pure and no decision lives here.

mod arguments;
mod changes;
mod commands;
mod desktop;
mod notifications;
mod pictures;
mod runtime;
mod window;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use app::view::{Change, Target};
use app::{Network, Options, Session};
use clap::Parser;
use tauri::async_runtime::block_on;
use tauri::{AppHandle, Manager, RunEvent, Wry};
use tauri_specta::collect_commands;
use tracing_subscriber::EnvFilter;

/// Opens the window and returns when it was closed.
pub fn run() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    tracing_subscriber::fmt()
        // gossipsub warns of whatever a neighbour sends, as often as they send it.
        .with_env_filter(
            EnvFilter::try_from_env("PERIWINKLE_LOG").unwrap_or_else(|_| EnvFilter::new("warn,libp2p_gossipsub=error")),
        )
        .with_writer(std::io::stderr)
        .init();
    let folder = match arguments.folder() {
        Ok(folder) => folder,
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::from(2);
        }
    };
    let runtime = match runtime::start() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Periwinkle could not start: {error}. Close other programs and try again.");
            return ExitCode::FAILURE;
        }
    };
    tauri::async_runtime::set(runtime.handle().clone());
    // Where a headless node runs there is no window to raise: ours opens then, and says that the folder is in use.
    if block_on(app::raise(&folder)) {
        eprintln!("Periwinkle already runs on {}: its window is in front now.", folder.display());
        return ExitCode::SUCCESS;
    }
    match open(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

fn open(folder: PathBuf) -> tauri::Result<()> {
    let page = page();
    let shell = tauri::Builder::default()
        .invoke_handler(page.invoke_handler())
        .register_asynchronous_uri_scheme_protocol(pictures::SCHEME, pictures::serve)
        .manage(desktop::Opened::default())
        .setup(move |shell| Ok(start(shell.handle(), folder)?))
        .build(tauri::generate_context!())?;
    shell.run(|handle, event| {
        if let RunEvent::Exit = event {
            block_on(handle.state::<Arc<Session>>().close());
        }
    });
    Ok(())
}

/// Starts the node, then opens the window on it.
fn start(handle: &AppHandle, folder: PathBuf) -> tauri::Result<()> {
    let desktop = Arc::new(desktop::Window::new(handle.clone())?);
    let options = Options { network: Some(Network::default()), desktop };
    handle.manage(block_on(Session::open(folder, options)));
    window::open(handle)
}

/// What the page may call, and the types of what it hears.
fn page() -> tauri_specta::Builder<Wry> {
    tauri_specta::Builder::new()
        // One shape each way: nothing here reads differently than it is written.
        .disable_serde_phases()
        .commands(collect_commands![
            commands::start_state,
            commands::begin,
            commands::timeline,
            commands::thread,
            commands::person,
            commands::search,
            commands::nearby,
            commands::connect,
            commands::forget_address,
            commands::check_network,
            commands::indexing,
            commands::publish,
            commands::follow,
            commands::unfollow,
            commands::block,
            commands::unblock,
            commands::mute,
            commands::look_at,
            commands::like,
            commands::rename,
            commands::attend,
            commands::settings,
            commands::choose,
            commands::standing,
            commands::take_opened,
        ])
        .typ::<Change>()
        .typ::<Target>()
}

/// Writes the page's types and functions in TypeScript: what `ui/src/backend/bindings.ts` should hold.
///
/// # Errors
/// When a type has no counterpart in TypeScript or the file cannot be written.
pub fn write_bindings(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    Ok(page().export(specta_typescript::Typescript::default(), path)?)
}
