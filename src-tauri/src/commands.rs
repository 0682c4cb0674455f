//! Every command the page can call. One line each: if a body grows, it belongs in `app`.

use std::sync::Arc;

use app::Session;
use app::view::{
    Audience, Draft, Failure, Indexing, Look, Nearby, NetworkFinding, Page, Person, PersonPage, SearchPage,
    SearchQuery, Settings, Standing, StartState, Target, Thread,
};
use tauri::State;

use crate::desktop::Opened;

type Shared<'a> = State<'a, Arc<Session>>;

#[tauri::command]
#[specta::specta]
pub(crate) async fn start_state(session: Shared<'_>) -> Result<StartState, Failure> {
    session.start_state().await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn begin(session: Shared<'_>, name: String) -> Result<Person, Failure> {
    session.begin(&name).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn timeline(
    session: Shared<'_>,
    audience: Audience,
    before: Option<String>,
    limit: u32,
) -> Result<Page, Failure> {
    session.app().await?.timeline(audience, before, limit).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn thread(session: Shared<'_>, id: String) -> Result<Thread, Failure> {
    session.app().await?.thread(&id).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn person(session: Shared<'_>, id: String) -> Result<PersonPage, Failure> {
    session.app().await?.person(&id).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn search(session: Shared<'_>, query: SearchQuery) -> Result<SearchPage, Failure> {
    session.app().await?.search(query).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn nearby(session: Shared<'_>) -> Result<Nearby, Failure> {
    session.app().await?.nearby().await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn connect(session: Shared<'_>, address: String) -> Result<Person, Failure> {
    session.app().await?.connect(&address).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn forget_address(session: Shared<'_>, address: String) -> Result<(), Failure> {
    session.app().await?.forget_address(&address).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn check_network(session: Shared<'_>) -> Result<Vec<NetworkFinding>, Failure> {
    Ok(session.app().await?.check_network().await)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn indexing(session: Shared<'_>) -> Result<Option<Indexing>, Failure> {
    Ok(session.app().await?.indexing())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn publish(session: Shared<'_>, draft: Draft) -> Result<String, Failure> {
    session.app().await?.publish(draft).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn follow(session: Shared<'_>, id: String) -> Result<(), Failure> {
    session.app().await?.follow(&id).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn unfollow(session: Shared<'_>, id: String) -> Result<(), Failure> {
    session.app().await?.unfollow(&id).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn block(session: Shared<'_>, id: String, secretly: bool) -> Result<(), Failure> {
    session.app().await?.block(&id, secretly).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn unblock(session: Shared<'_>, id: String) -> Result<(), Failure> {
    session.app().await?.unblock(&id).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn mute(session: Shared<'_>, id: String, on: bool) -> Result<(), Failure> {
    session.app().await?.mute(&id, on).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn look_at(session: Shared<'_>, id: String, before: Option<String>) -> Result<Look, Failure> {
    session.app().await?.look_at(&id, before.as_deref(), app::LOOK_PAGE).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn like(session: Shared<'_>, id: String, on: bool) -> Result<(), Failure> {
    session.app().await?.like(&id, on).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn rename(session: Shared<'_>, name: String, description: Option<String>) -> Result<(), Failure> {
    session.app().await?.rename(Some(&name), description.as_deref()).await.map(drop)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn attend(session: Shared<'_>, attended: bool) -> Result<(), Failure> {
    session.app().await?.attend(attended).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn settings(session: Shared<'_>) -> Result<Settings, Failure> {
    Ok(session.app().await?.settings())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn choose(session: Shared<'_>, chosen: Settings) -> Result<(), Failure> {
    session.app().await?.choose(chosen).await
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn standing(session: Shared<'_>) -> Result<Standing, Failure> {
    session.app().await?.standing().await
}

#[tauri::command]
#[specta::specta]
pub(crate) fn take_opened(opened: State<'_, Opened>) -> Result<Option<Target>, Failure> {
    Ok(opened.take())
}
