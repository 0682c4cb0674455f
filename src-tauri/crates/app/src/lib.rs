//! A running node for any front end: one loop that drives node, store, network and clock; questions that screens ask.
//!
//! IO all through. What decides is in `node` and below; here is only when and with what.
//! A front end gets an [`App`] (or a [`Session`], where there may be no key yet), gives a [`desktop::Desktop`], and is told of
//! changes by id. Another process on the same folder asks the same things through [`rpc`].

mod addresses;
mod announce;
mod app;
pub mod blobs;
mod call;
mod clock;
mod copies;
pub mod desktop;
pub mod doctor;
mod doubt;
mod drive;
mod exports;
mod failure;
mod history;
mod looking;
mod mailbox;
mod network_doctor;
mod people;
pub mod place;
mod posts;
pub mod priority;
mod publishing;
pub mod rpc;
mod search;
mod session;
mod settings;
mod stances;
pub mod status;
mod storage;
mod strangers;
mod travel;
mod verify;
pub mod view;
mod writer;

pub use app::{App, Network, Options};
pub use looking::LOOK_PAGE;
pub use publishing::Import;
pub use session::Session;

/// Brings the window that runs on `folder` to the front; false where none does.
pub async fn raise(folder: &std::path::Path) -> bool {
    match rpc::Client::connect(folder).await {
        Some(mut client) => client.call(&rpc::Request::Raise {}).await.unwrap_or(false),
        None => false,
    }
}
