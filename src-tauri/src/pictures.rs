//! Small pictures for the page, by a scheme of our own: `periwinkle-blob://localhost/SIZE/HASH`.
//!
//! The page gets copies that were made here within limits, never the bytes of a stranger: so the decoders of the web view meet only
//! JPEG and PNG that we wrote. HASH is that of the file in URL-safe base64, as in a Scuttlebutt URI. What a size is called never
//! changes, nor does the content of a file, so the page may keep what it got.

use std::sync::Arc;

use app::Session;
use app::blobs::Size;
use app::view::{Failure, FailureCode};
use tauri::http::{Method, Request, Response, StatusCode, header};
use tauri::{Manager, UriSchemeContext, UriSchemeResponder, Wry};

/// The scheme; `img-src` of the page's content policy names it too.
pub(crate) const SCHEME: &str = "periwinkle-blob";

/// Answers the page's request beside everything else.
pub(crate) fn serve(context: UriSchemeContext<'_, Wry>, request: Request<Vec<u8>>, responder: UriSchemeResponder) {
    let session = context.app_handle().try_state::<Arc<Session>>().map(|session| Arc::clone(&session));
    let asked = Asked::read(&request).filter(|_| context.webview_label() == crate::window::MAIN);
    tauri::async_runtime::spawn(async move {
        responder.respond(match (session, asked) {
            (Some(session), Some(asked)) => asked.answer(&session).await,
            _ => refused(StatusCode::BAD_REQUEST),
        });
    });
}

/// What the page wants.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    size: Size,
    /// The file's Scuttlebutt URI.
    uri: String,
}

impl Asked {
    fn read(request: &Request<Vec<u8>>) -> Option<Self> {
        if request.method() != Method::GET || request.uri().query().is_some() {
            return None;
        }
        let (size, hash) = request.uri().path().strip_prefix('/')?.split_once('/')?;
        Some(Self { size: Size::from_name(size)?, uri: format!("ssb:blob/classic/{hash}") })
    }

    async fn answer(&self, session: &Session) -> Response<Vec<u8>> {
        let thumbnail = async { session.app().await?.thumbnail(&self.uri, self.size).await };
        match thumbnail.await {
            Ok(thumbnail) => {
                let answer = Response::builder()
                    .header(header::CONTENT_TYPE, thumbnail.kind.media_type())
                    .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable")
                    .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
                    .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'")
                    .body(thumbnail.bytes);
                answer.unwrap_or_else(|_| refused(StatusCode::INTERNAL_SERVER_ERROR))
            }
            Err(failure) => refused(status(&failure)),
        }
    }
}

/// The page shows something else then, and asks again when it shows the thing next.
fn status(failure: &Failure) -> StatusCode {
    match failure.code {
        FailureCode::NotFound => StatusCode::NOT_FOUND,
        FailureCode::BadInput => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        FailureCode::Busy | FailureCode::NotStarted => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refused(status: StatusCode) -> Response<Vec<u8>> {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, url: &str) -> Option<Asked> {
        Asked::read(&Request::builder().method(method).uri(url).body(Vec::new()).expect("a request"))
    }

    #[test]
    fn only_a_size_and_a_hash_are_understood() {
        let good = "periwinkle-blob://localhost/avatar-96/ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=";
        let uri = "ssb:blob/classic/ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=".to_owned();
        assert_eq!(read(Method::GET, good), Some(Asked { size: Size::Avatar, uri }));
        assert_eq!(read(Method::POST, good), None);
        for bad in [&format!("{good}?x"), "periwinkle-blob://localhost/", "periwinkle-blob://localhost/original/x"] {
            assert_eq!(read(Method::GET, bad), None, "{bad}");
        }
    }

    #[test]
    fn the_content_policy_names_exactly_this_scheme() {
        let policy =
            include_str!("../../tauri.conf.json").lines().find(|line| line.contains("\"csp\"")).expect("a policy");
        assert!(policy.contains(&format!("img-src 'self' blob: {SCHEME}:;")), "{policy}");
        assert_eq!(policy.matches(SCHEME).count(), 1, "pictures alone come that way");
    }
}
