//! The one window.

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewWindowBuilder};

/// Its label in `tauri.conf.json` and in the capability.
pub(crate) const MAIN: &str = "main";

/// Opens the window that `tauri.conf.json` describes. It shows our own page and never anything else.
pub(crate) fn open(handle: &AppHandle) -> tauri::Result<()> {
    let Some(config) = handle.config().app.windows.iter().find(|window| window.label == MAIN) else {
        return Err(tauri::Error::WindowNotFound);
    };
    let served = handle.config().build.dev_url.clone();
    WebviewWindowBuilder::from_config(handle, config)?
        // Also in the unoptimised build that `cargo xtask run` opens; whoever works on the page has `tauri dev`.
        .devtools(served.is_some())
        .on_navigation(move |url| is_ours(url, served.as_ref()))
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

/// Whether `url` is a page that this program carries, or one that `tauri dev` serves.
fn is_ours(url: &Url, served: Option<&Url>) -> bool {
    url.scheme() == "tauri" || served.is_some_and(|served| served.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::{Url, is_ours};

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn the_window_goes_nowhere_else() {
        assert!(is_ours(&url("tauri://localhost/index.html"), None));
        for elsewhere in [
            "https://example.org/",
            "http://localhost/",
            "file:///etc/passwd",
            "data:text/html,hi",
            "about:blank",
            "ssb:x",
        ] {
            assert!(!is_ours(&url(elsewhere), None), "{elsewhere}");
        }
    }

    #[test]
    fn while_it_is_worked_on_the_page_may_come_from_its_own_server() {
        let served = url("http://localhost:5173/");
        assert!(is_ours(&url("http://localhost:5173/#/nearby"), Some(&served)));
        assert!(!is_ours(&url("http://localhost:5174/"), Some(&served)));
    }
}
