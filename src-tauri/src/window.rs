//! The one window.

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewWindowBuilder};

/// Its label in `tauri.conf.json` and in the capability.
const MAIN: &str = "main";

/// Opens the window that `tauri.conf.json` describes. It shows our own page and never anything else.
pub(crate) fn open(handle: &AppHandle) -> tauri::Result<()> {
    let Some(config) = handle.config().app.windows.iter().find(|window| window.label == MAIN) else {
        return Err(tauri::Error::WindowNotFound);
    };
    WebviewWindowBuilder::from_config(handle, config)?
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .build()?;
    Ok(())
}

/// Shows the window and gives it the focus; false where there is none.
pub(crate) fn raise(handle: &AppHandle) -> bool {
    let Some(window) = handle.get_webview_window(MAIN) else { return false };
    let raised = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = &raised {
        tracing::warn!("the window could not be brought to the front: {error}");
    }
    raised.is_ok()
}

/// Whether `url` is a page that this program carries, or the one that `tauri dev` serves.
fn is_ours(url: &Url) -> bool {
    url.scheme() == "tauri" || (cfg!(dev) && url.host_str() == Some("localhost"))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn the_window_goes_nowhere_else() {
        let ours = |url: &str| is_ours(&url.parse().expect("a URL"));
        assert!(ours("tauri://localhost/index.html"));
        for url in ["https://example.org/", "file:///etc/passwd", "data:text/html,hi", "about:blank", "ssb:x"] {
            assert!(!ours(url), "{url}");
        }
    }
}
