//! Real nodes in one process: a session from its first moment, and what a desktop hears.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::desktop::{Call, Desktop, Headless, Notification, Recording};
use app::view::{Audience, BlockKind, Change, Draft, FailureCode, Relation, Settings, Standing, StartState, Target};
use app::{App, Network, Options, Session};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

fn loopback(dial: Vec<String>, desktop: Arc<Recording>) -> Options {
    let network = Network { listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()], dial, mdns: false };
    Options { network: Some(network), desktop }
}

async fn person(folder: &Path, name: &str, dial: Vec<String>) -> (App, Arc<Recording>) {
    let desktop = Arc::new(Recording::default());
    let app = App::begin(folder, loopback(dial, Arc::clone(&desktop)), Some(name), None).await.expect("begins");
    (app, desktop)
}

/// Two people of whom the second has dialled the first, and the second one's desktop.
async fn two(home: &Path, first: &str, second: &str) -> (App, App, Arc<Recording>) {
    let (one, _) = person(&home.join(first), first, Vec::new()).await;
    let addresses = one.nearby().await.expect("nearby").addresses;
    let (other, desktop) = person(&home.join(second), second, addresses).await;
    until(&other, async || other.nearby().await.is_ok_and(|nearby| nearby.people.len() == 1)).await;
    (one, other, desktop)
}

fn draft(text: &str) -> Draft {
    Draft { text: text.to_owned(), reply_to: None, channel: None }
}

/// Waits until `is_so`, looking again at every change.
async fn until(app: &App, is_so: impl AsyncFn() -> bool) {
    let mut changes = app.changes();
    let wait = async {
        while !is_so().await {
            // One who lags looks again as well.
            let _ = changes.recv().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it comes about");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_name_and_is_there_the_next_time() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("ada");
    let options = loopback(Vec::new(), Arc::default());
    let session = Session::open(folder.clone(), options.clone()).await;
    assert_eq!(session.start_state().await, Ok(StartState::Welcome));
    assert_eq!(session.app().await.err().map(|failure| failure.code), Some(FailureCode::NotStarted));
    assert_eq!(session.begin(" \n").await.map_err(|failure| failure.code), Err(FailureCode::BadInput));
    assert!(!folder.exists(), "a name that cannot be used makes nothing");

    let begun = Instant::now();
    let ada = session.begin(" Ada ").await.expect("begins");
    assert!(begun.elapsed() < Duration::from_secs(1), "whoever is new waits for nobody: {:?}", begun.elapsed());
    assert_eq!((ada.name.as_str(), ada.named, ada.relation), ("Ada", true, Relation::Me));
    assert_eq!(session.begin("Ada").await.expect("a second click").id, ada.id);
    let id = session.app().await.expect("runs").publish(draft("hello")).await.expect("publishes");

    let second = Session::open(folder.clone(), options.clone()).await;
    assert!(matches!(second.start_state().await, Ok(StartState::Failed(failure)) if failure.code == FailureCode::Busy));
    assert!(app::raise(&folder).await, "the first one's window comes to the front");
    session.close().await;
    assert!(!app::raise(&folder).await);

    let again = Session::open(folder, options).await;
    let Ok(StartState::Ready(me)) = again.start_state().await else { panic!("not ready") };
    assert_eq!(me.person, ada);
    let page = again.app().await.expect("runs").timeline(Audience::Following, None, 10).await.expect("a page");
    assert_eq!(page.cards.iter().map(|card| &card.post.id).collect::<Vec<_>>(), [&id]);
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_friends_post_is_announced_and_notified_with_its_words() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (ada, bo, desktop) = two(home.path(), "Ada", "Bo").await;
    let stranger = bo.nearby().await.expect("nearby").people.remove(0);
    assert_eq!(stranger.person.relation, Relation::Stranger);

    let ada_id = ada.id().to_string();
    bo.follow(&ada_id).await.expect("follows");
    until(&bo, async || bo.person(&ada_id).await.is_ok_and(|page| page.person.name == "Ada")).await;
    assert_eq!(bo.person(&ada_id).await.expect("a page").person.relation, Relation::Following);

    let id = ada.publish(draft("the tide\n\nis *coming* in")).await.expect("publishes");
    until(&bo, async || bo.thread(&id).await.is_ok()).await;
    let expected = Notification {
        title: "Ada".to_owned(),
        body: "the tide is *coming* in".to_owned(),
        target: Target::Thread(id.clone()),
    };
    until(&bo, async || desktop.calls().contains(&Call::Notify(expected.clone()))).await;
    assert!(desktop.calls().contains(&Call::Changed(Change::Timeline)));
    assert!(desktop.calls().contains(&Call::Changed(Change::Nearby)));

    let reply = Draft { reply_to: Some(id.clone()), ..draft("yes") };
    let reply = bo.publish(reply).await.expect("publishes");
    bo.like(&id, true).await.expect("likes");
    let page = bo.timeline(Audience::Nearby, None, 10).await.expect("a page");
    assert_eq!(page.cards.len(), 1);
    assert_eq!((&page.cards[0].post.id, page.cards[0].post.likes, page.cards[0].post.liked), (&id, 1, true));
    assert_eq!(page.cards[0].latest.iter().map(|post| &post.id).collect::<Vec<_>>(), [&reply]);
    bo.like(&id, false).await.expect("takes it back");
    let thread = bo.thread(&reply).await.expect("a thread");
    assert_eq!((thread.root, thread.entries.len()), (id, 2));
    bo.shutdown().await;
    ada.shutdown().await;
    let gone = bo.publish(draft("too late")).await.expect_err("closed");
    assert_eq!(gone.code, FailureCode::NotStarted);
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_alone_waits_for_nobody() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let options = Options { network: None, desktop: Arc::new(Headless) };
    let begun = Instant::now();
    let app = App::begin(home.path(), options, Some("Ada"), None).await.expect("begins");
    app.publish(draft("alone")).await.expect("publishes");
    app.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// A desktop that breaks whoever calls it.
struct Broken;

impl Desktop for Broken {
    fn notify(&self, _: Notification) {}
    fn changed(&self, _: Change) {
        panic!("this desktop is broken");
    }
    fn raise(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_breaks_is_noticed_and_lets_go_of_the_folder() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let quiet = Options { network: None, desktop: Arc::new(Headless) };
    App::begin(home.path(), quiet.clone(), Some("Ada"), None).await.expect("begins").shutdown().await;

    let session = Session::open(home.path().to_owned(), Options { network: None, desktop: Arc::new(Broken) }).await;
    let app = session.app().await.expect("runs");
    assert_eq!(app.broken(), None);
    let published = app.publish(draft("the loop ends over this")).await;
    timeout(PATIENCE, app.ended()).await.expect("it is known to have ended");
    assert_eq!(app.publish(draft("nobody answers")).await.err(), app.broken());
    let Ok(StartState::Failed(failure)) = session.start_state().await else { panic!("the window would not know") };
    assert_eq!(failure.code, FailureCode::Internal);
    assert_eq!(session.app().await.err(), Some(failure));
    drop(app);

    let again = App::start(home.path(), quiet).await.expect("the folder is free");
    let page = again.timeline(Audience::Following, None, 10).await.expect("a page");
    // The loop may have ended before it answered, but not before the post was durable.
    assert_eq!(page.cards.len(), 1);
    assert!(published.is_err() || published.as_ref() == Ok(&page.cards[0].post.id));
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beginning_can_be_repeated_after_a_start_that_failed() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("ada");
    // No socket can be bound where a folder with something in it stands.
    std::fs::create_dir_all(folder.join("peri.sock/in the way")).expect("created");
    let session = Session::open(folder.clone(), loopback(Vec::new(), Arc::default())).await;
    for _ in 0..2 {
        assert_eq!(session.begin("Ada").await.expect_err("no socket").code, FailureCode::Disk);
    }
    std::fs::remove_dir_all(folder.join("peri.sock")).expect("removed");
    let ada = session.begin("Ada").await.expect("begins");
    assert_eq!((ada.name.as_str(), ada.named), ("Ada", true));
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_ones_own_journal_holds_is_published_once_friends_have_closed_the_gap() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (ada_folder, bo_folder) = (home.path().join("ada"), home.path().join("bo"));
    let alone = || Options { network: None, desktop: Arc::new(Headless) };
    let ada = App::begin(&ada_folder, alone(), Some("Ada"), None).await.expect("begins");
    let id = ada.id().to_string();
    ada.shutdown().await;
    drop(ada);
    let old = std::fs::read(ada_folder.join("periwinkle.sqlite")).expect("a database");

    let (bo, _) = person(&bo_folder, "Bo", Vec::new()).await;
    bo.follow(&id).await.expect("follows");
    let addresses = bo.nearby().await.expect("nearby").addresses;
    let ada = App::start(&ada_folder, loopback(addresses.clone(), Arc::default())).await.expect("starts");
    let met = ada.publish(draft("when we met")).await.expect("publishes");
    until(&bo, async || bo.thread(&met).await.is_ok()).await;
    ada.shutdown().await;
    drop(ada);
    let ada = App::start(&ada_folder, alone()).await.expect("starts");
    let last = ada.publish(draft("nobody has this")).await.expect("publishes");
    ada.shutdown().await;
    drop(ada);

    std::fs::write(ada_folder.join("periwinkle.sqlite"), old).expect("an older database is put back");
    let ada = App::start(&ada_folder, loopback(addresses, Arc::default())).await.expect("starts");
    until(&bo, async || bo.thread(&last).await.is_ok()).await;
    until(&ada, async || ada.standing().await == Ok(Standing::Whole)).await;
    ada.publish(draft("and on")).await.expect("publishes");
    ada.shutdown().await;
    bo.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_a_classic_app_sealed_acts_as_soon_as_it_is_read() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (ada, _) = person(&home.path().join("ada"), "Ada", Vec::new()).await;
    let addresses = ada.nearby().await.expect("nearby").addresses;
    let bo = feed::KeyPair::from_seed(&[7; 32]);
    let folder = home.path().join("bo");
    let store = store::Store::create(&folder, &bo, None).await.expect("a store");
    store.close().await.expect("closes");
    drop(store);
    let app = App::start(&folder, loopback(addresses, Arc::default())).await.expect("starts");
    until(&app, async || app.nearby().await.is_ok_and(|nearby| nearby.people.len() == 1)).await;

    let content = social::write::contact(&ada.id().feed(), false, true).to_compact();
    let mut random = <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    let sealed = feed::private_box::seal(content.as_bytes(), &[bo.feed_id()], &mut random).expect("seals");
    let sealed = feed::json::Value::from(sealed);
    let message = feed::sign(&bo, None, None, 1_700_000_000_000.0, &sealed).expect("signs").into_message();
    assert_eq!(app.import(vec![message]).await.expect("imports").stored, 1);
    until(&app, async || app.nearby().await.is_ok_and(|nearby| nearby.people.is_empty())).await;
    let page = app.person(&ada.id().to_string()).await.expect("a page");
    assert_eq!((page.person.relation, page.blocks), (Relation::Blocked, Some(BlockKind::Private)));

    app.unblock(&ada.id().to_string()).await.expect("unblocks");
    until(&app, async || app.nearby().await.is_ok_and(|nearby| nearby.people.len() == 1)).await;
    for one in [app, ada] {
        one.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_near_write_is_shown_to_whoever_wants_it_and_kept_nowhere() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (wren, ada, _) = two(home.path(), "Wren", "Ada").await;
    wren.publish(draft("Soup at eight")).await.expect("publishes");
    let texts = async || {
        let page = ada.timeline(Audience::Nearby, None, 10).await.expect("a page");
        let text = |card: app::view::Card| {
            assert!(card.passing && !card.post.author.named);
            assert_eq!(card.calls_themselves.as_deref(), Some("Wren"));
            card.post.text
        };
        page.cards.into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(ada.settings(), Settings { says_here: true, shows_strangers: false });
    assert_eq!(texts().await, [""; 0], "nobody is looked at who was not asked for");

    let mut changes = ada.changes();
    ada.choose(Settings { shows_strangers: true, ..ada.settings() }).await.expect("kept");
    let mut told = Vec::new();
    while let Ok(change) = changes.try_recv() {
        told.push(change);
    }
    assert!(told.contains(&Change::Settings), "a window shows what another program chose: {told:?}");
    until(&ada, async || texts().await == ["Soup at eight"]).await;
    wren.publish(draft("There is bread too")).await.expect("publishes");
    until(&ada, async || texts().await == ["There is bread too", "Soup at eight"]).await;
    let all = ada.timeline(Audience::All, None, 10).await.expect("a page");
    assert_eq!(all.cards.len(), 0, "other timelines show what is stored");
    assert_eq!(ada.person(&wren.id().to_string()).await.expect("a page").messages, 0, "nothing of it is");

    // Who is followed is no stranger: the same posts come to stay.
    ada.follow(&wren.id().to_string()).await.expect("follows");
    let stored = async || {
        let page = ada.timeline(Audience::Nearby, None, 10).await.expect("a page");
        page.cards.len() == 2 && page.cards.iter().all(|card| !card.passing)
    };
    until(&ada, stored).await;
    ada.shutdown().await;
    drop(ada);

    let again = App::start(&home.path().join("Ada"), loopback(Vec::new(), Arc::default())).await.expect("starts");
    assert_eq!(again.settings(), Settings { says_here: true, shows_strangers: true });
    again.shutdown().await;
    wren.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_is_muted_or_goes_is_shown_no_more() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (wren, ada, _) = two(home.path(), "Wren", "Ada").await;
    wren.publish(draft("Soup at eight")).await.expect("publishes");
    ada.choose(Settings { shows_strangers: true, ..ada.settings() }).await.expect("kept");
    let shown = async || ada.timeline(Audience::Nearby, None, 10).await.expect("a page").cards.len();
    until(&ada, async || shown().await == 1).await;
    ada.mute(&wren.id().to_string(), true).await.expect("mutes");
    until(&ada, async || shown().await == 0).await;
    ada.mute(&wren.id().to_string(), false).await.expect("unmutes");
    until(&ada, async || shown().await == 1).await;
    wren.shutdown().await;
    until(&ada, async || shown().await == 0).await;
    ada.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_uses_their_device_is_seen_to_be_there() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (bo, ada, _) = two(home.path(), "Bo", "Ada").await;
    let is_here =
        async |here: bool| ada.nearby().await.is_ok_and(|near| near.people.first().map(|near| near.here) == Some(here));
    until(&ada, async || is_here(false).await).await;
    bo.attend(true).await.expect("runs");
    until(&ada, async || is_here(true).await).await;
    bo.choose(Settings { says_here: false, ..bo.settings() }).await.expect("kept");
    until(&ada, async || is_here(false).await).await;
    bo.choose(Settings { says_here: true, ..bo.settings() }).await.expect("kept");
    until(&ada, async || is_here(true).await).await;
    bo.attend(false).await.expect("runs");
    until(&ada, async || is_here(false).await).await;
    ada.shutdown().await;
    bo.shutdown().await;
}
