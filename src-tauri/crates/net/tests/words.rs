//! Words to everybody who is connected: heard by neighbours, passed on by nobody, and not without end.

#[allow(dead_code, reason = "each test file uses its own part")]
#[path = "loopback/hostile.rs"]
mod hostile;
mod loopback;

use std::{net::SocketAddr, time::Duration};

use hostile::Hostile;
use libp2p::{
    Stream, StreamProtocol,
    futures::{AsyncWriteExt, StreamExt},
    multiaddr::Protocol,
};
use libp2p_stream::IncomingStreams;
use loopback::{DEADLINE, Peer, frame, join};
use net::{DownReason, LinkId, MAX_WORD, NetEvent, config::IDLE_CONNECTION};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};

impl Peer {
    async fn heard(&mut self, which: LinkId) -> Vec<u8> {
        self.find("a word", |event| match event {
            NetEvent::Heard { link, word } if *link == which => Some(word.clone()),
            _ => None,
        })
        .await
    }
}

/// Says something until it is heard: a word is lost on whoever has not listened yet.
async fn say_until_heard(from: &Peer, word: &[u8], to: &mut Peer, on: LinkId) {
    let mut again = tokio::time::interval(Duration::from_millis(600));
    let saying = async {
        loop {
            again.tick().await;
            from.net.say(word.to_vec()).expect("short enough");
        }
    };
    tokio::select! {
        () = saying => {}
        heard = to.heard(on) => assert_eq!(heard, word),
    }
}

#[tokio::test]
async fn a_word_is_heard_next_door_and_no_further() {
    let (mut alice, mut bob, mut carol) = (Peer::start(1).await, Peer::start(2).await, Peer::start(3).await);
    let (_, b_a) = join(&mut alice, &mut bob).await;
    let (b_c, c_b) = join(&mut bob, &mut carol).await;
    // Carol listens to Bob, so she would hear what he passed on.
    say_until_heard(&bob, b"from bob", &mut carol, c_b).await;
    say_until_heard(&alice, b"from alice", &mut bob, b_a).await;
    say_until_heard(&carol, b"from carol", &mut bob, b_c).await;
    let words = carol.settle(Duration::from_secs(2)).await.iter();
    let other = words.filter(|event| matches!(event, NetEvent::Heard { word, .. } if word != b"from bob")).count();
    assert_eq!(other, 0, "what Alice said stayed with Bob");
}

#[tokio::test]
async fn the_same_word_is_heard_again() {
    let (mut alice, mut bob) = (Peer::start(1).await, Peer::start(2).await);
    let (_, b_a) = join(&mut alice, &mut bob).await;
    say_until_heard(&alice, b"here", &mut bob, b_a).await;
    alice.net.say(b"here".to_vec()).expect("short enough");
    // Sooner than gossipsub forgets what it has heard.
    timeout(Duration::from_millis(700), bob.heard(b_a)).await.expect("it is said anew, not repeated");
}

#[tokio::test]
async fn words_are_heard_also_when_a_connection_of_the_pair_is_gone() {
    let (mut alice, mut bob) = (Peer::start(10).await, Peer::start(20).await);
    alice.net.dial(bob.address()).expect("room");
    bob.net.dial(alice.address()).expect("room");
    let (a_b, b_a) = (alice.up_with(bob.device).await, bob.up_with(alice.device).await);
    // A link without a first frame is none for long.
    alice.net.send(a_b, frame(1, 10)).expect("room");
    bob.net.send(b_a, frame(2, 10)).expect("room");
    // Whichever carries no link is closed by then.
    let settled = timeout(DEADLINE, alice.settle(IDLE_CONNECTION + Duration::from_secs(1))).await;
    assert!(settled.expect("one link, and quiet").iter().all(|event| !matches!(event, NetEvent::LinkDown { .. })));
    say_until_heard(&alice, b"from alice", &mut bob, b_a).await;
    say_until_heard(&bob, b"from bob", &mut alice, a_b).await;
}

/// Carries one connection to `to` until `cut` is heard; then its ends stay open, and nothing arrives any more. The port where it begins.
async fn cable(to: SocketAddr, cut: oneshot::Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("one comes");
        let mut far = TcpStream::connect(to).await.expect("it listens");
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = cut => std::future::pending().await,
        }
    });
    port
}

#[tokio::test]
async fn who_comes_again_while_their_old_connection_seems_to_stand_is_heard() {
    let mut alice = Peer::start(1).await;
    let address = alice.address();
    let address: Vec<Protocol> = address.iter().collect();
    let [Protocol::Ip4(host), Protocol::Tcp(port), ..] = address[..] else { panic!("TCP over IPv4") };
    let (pull, cut) = oneshot::channel();
    let begin = cable((host, port).into(), cut).await;
    let mut bob = Peer::start(2).await;
    bob.net.dial(format!("/ip4/127.0.0.1/tcp/{begin}").parse().expect("an address")).expect("room");
    let (a_b, b_a) = (alice.up_with(bob.device).await, bob.up_with(alice.device).await);
    bob.net.send(b_a, frame(1, 10)).expect("room");
    alice.received(a_b).await;

    pull.send(()).expect("it is there");
    drop(bob);
    let mut bob = Peer::start(2).await;
    let (a_b, b_a) = join(&mut alice, &mut bob).await;
    say_until_heard(&bob, b"here again", &mut alice, a_b).await;
    say_until_heard(&alice, b"so you are", &mut bob, b_a).await;
}

#[tokio::test]
async fn packets_that_say_nothing_are_counted_too() {
    let mut alice = Peer::start(1).await;
    let (_mallory, link, mut words) = talker(&mut alice).await;
    let pouring = tokio::spawn(async move {
        while words.write_all(&[0; 8]).await.is_ok() && words.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert_eq!(alice.down(link).await, DownReason::Talkative);
    timeout(DEADLINE, pouring).await.expect("it notices").expect("no panic");
}

#[tokio::test]
async fn a_word_has_a_length() {
    let alice = Peer::start(1).await;
    assert!(alice.net.say(Vec::new()).is_err());
    assert!(alice.net.say(vec![0; MAX_WORD + 1]).is_err());
    alice.net.say(vec![0; MAX_WORD]).expect("this is the longest");
}

/// An RPC of gossipsub's protocol buffers with one message: `publish = 2`, in it `data = 2` and `topic = 4`.
fn packet(word: &[u8]) -> Vec<u8> {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat();
    let message = [field(2, word), field(4, b"now")].concat();
    let rpc = field(2, &message);
    [&[u8::try_from(rpc.len()).expect("short")], rpc.as_slice()].concat()
}

const NOW: StreamProtocol = StreamProtocol::new("/periwinkle/now/1");

/// Mallory, linked with Alice, a stream on which words go to her, and what has to be kept meanwhile.
async fn talker(alice: &mut Peer) -> ((Hostile, IncomingStreams, Stream), LinkId, Stream) {
    let mut mallory = Hostile::start(66).await;
    let mut accepted = mallory.accept();
    // Who does not take such streams is not listened to either.
    let listening = mallory.control.accept(NOW).expect("once");
    mallory.dial(&alice.address());
    assert!(mallory.connected().await);
    let stream = async {
        if mallory.device < alice.device {
            mallory.open(alice.device).await.expect("a stream")
        } else {
            accepted.next().await.expect("a stream").1
        }
    };
    let link_stream = timeout(DEADLINE, stream).await.expect("in time");
    let words = mallory.open_as(alice.device, NOW).await.expect("a stream");
    ((mallory, listening, link_stream), alice.up().await.0, words)
}

#[tokio::test]
async fn who_never_stops_talking_is_cut_off_and_the_others_are_heard() {
    let mut alice = Peer::start(1).await;
    let (_mallory, link, mut words) = talker(&mut alice).await;
    words.write_all(&packet(b"hello")).await.expect("open");
    words.flush().await.expect("open");
    assert_eq!(alice.heard(link).await, b"hello", "what a stranger says is heard");
    let pouring = tokio::spawn(async move {
        // Not so fast that gossipsub ends the stream for how much is in its buffer.
        while words.write_all(&packet(b"and another thing")).await.is_ok() && words.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert_eq!(alice.down(link).await, DownReason::Talkative);
    timeout(DEADLINE, pouring).await.expect("it notices").expect("no panic");
    let mut bob = Peer::start(2).await;
    let (a_b, _) = join(&mut alice, &mut bob).await;
    say_until_heard(&bob, b"peace", &mut alice, a_b).await;
}

#[tokio::test]
async fn a_word_that_is_too_long_or_no_word_at_all_is_passed_over() {
    let mut alice = Peer::start(1).await;
    let (_mallory, link, mut words) = talker(&mut alice).await;
    words.write_all(&packet(&[7; MAX_WORD + 1])).await.expect("open");
    words.write_all(&packet(b"short")).await.expect("open");
    words.flush().await.expect("open");
    assert_eq!(alice.heard(link).await, b"short");
    // A packet that gossipsub cannot read ends that stream and nothing else.
    words.write_all(&[5, 0xff, 0xff, 0xff, 0xff, 0xff]).await.expect("open");
    words.flush().await.expect("open");
    let more = alice.settle(Duration::from_millis(500)).await.iter();
    assert_eq!(more.filter(|event| matches!(event, NetEvent::LinkDown { .. })).count(), 0);
}
