use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::config::INCOMING_BYTES;

fn quick() -> Patience {
    let ms = Duration::from_millis;
    Patience {
        heartbeat: ms(50),
        silence: ms(300),
        doubt: ms(150),
        first_frame: ms(900),
        frame: ms(500),
        stall: ms(200),
        flush: ms(200),
    }
}

fn reader(patience: Patience) -> (DuplexStream, FrameReader<DuplexStream>) {
    let (there, here) = duplex(CHUNK);
    (there, FrameReader::new(here, Arc::new(Semaphore::new(INCOMING_BYTES)), Arc::default(), patience))
}

async fn raw(stream: &mut DuplexStream, length: u32, bytes: &[u8]) {
    stream.write_all(&length.to_le_bytes()).await.expect("the reader is there");
    stream.write_all(bytes).await.expect("the reader is there");
}

#[tokio::test]
async fn what_is_written_is_read_and_heartbeats_are_not_seen() {
    let (there, mut reader) = reader(quick());
    let sent: Vec<Vec<u8>> = vec![vec![1], vec![2; 70_000], vec![3; MAX_FRAME], vec![4; 5]];
    let frames = sent.clone();
    let writing = tokio::spawn(async move {
        let mut writer = FrameWriter::new(there, quick());
        for frame in &frames {
            writer.write(&[]).await.expect("written");
            writer.write(frame).await.expect("written");
        }
        writer.close().await.expect("closed");
    });
    for expected in sent {
        let (frame, room) = reader.next().await.expect("a frame");
        assert!(frame == expected, "a frame of {} bytes", expected.len());
        drop(room);
    }
    assert_eq!(reader.next().await.expect_err("the end"), DownReason::ClosedThere);
    writing.await.expect("no panic");
}

#[tokio::test]
async fn the_first_frame_has_a_limit_of_its_own() {
    let (mut there, mut reader) = reader(quick());
    raw(&mut there, MAX_FIRST_FRAME as u32 + 1, &[]).await;
    let expected = DownReason::FrameTooLong { length: MAX_FIRST_FRAME as u64 + 1, limit: MAX_FIRST_FRAME };
    assert_eq!(reader.next().await.expect_err("too long"), expected);
}

#[tokio::test]
async fn a_length_that_nobody_may_ask_for_is_refused_before_a_byte_of_it_is_read() {
    let (mut there, mut reader) = reader(quick());
    raw(&mut there, 1, &[7]).await;
    raw(&mut there, u32::MAX, &[]).await;
    drop(reader.next().await.expect("the first frame"));
    let expected = DownReason::FrameTooLong { length: u64::from(u32::MAX), limit: MAX_FRAME };
    assert_eq!(reader.next().await.expect_err("too long"), expected);
}

#[tokio::test]
async fn a_frame_that_drips_is_cut_off_although_it_never_falls_silent() {
    let (mut there, mut reader) = reader(quick());
    raw(&mut there, 1, &[7]).await;
    drop(reader.next().await.expect("the first frame"));
    let dripping = tokio::spawn(async move {
        raw(&mut there, 1_000, &[]).await;
        // Until the reader hangs up.
        while there.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(reader.next().await.expect_err("slow"), DownReason::FrameTooSlow);
    drop(reader);
    dripping.await.expect("no panic");
}

#[tokio::test]
async fn silence_is_noticed_and_an_end_within_a_frame_is_no_good_order() {
    let (there, mut reader) = self::reader(quick());
    assert_eq!(reader.next().await.expect_err("silent"), DownReason::Silent(quick().silence));
    drop(there);

    let (mut there, mut reader) = self::reader(quick());
    raw(&mut there, 10, &[1, 2]).await;
    drop(there);
    assert_eq!(reader.next().await.expect_err("truncated"), truncated());
}

#[tokio::test]
async fn a_peer_that_only_beats_its_heart_never_introduces_itself() {
    let (mut there, mut reader) = reader(quick());
    let beating = tokio::spawn(async move {
        while there.write_all(&[0; PREFIX]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert_eq!(reader.next().await.expect_err("no hello"), DownReason::NoFirstFrame);
    drop(reader);
    beating.await.expect("no panic");
}

#[tokio::test]
async fn empty_frames_without_end_are_a_flood() {
    let (mut there, mut reader) = reader(quick());
    let flooding = tokio::spawn(async move { while there.write_all(&[0; 4 * PREFIX]).await.is_ok() {} });
    assert_eq!(reader.next().await.expect_err("a flood"), DownReason::EmptyFrames);
    drop(reader);
    flooding.await.expect("no panic");
}

#[tokio::test]
async fn without_room_nothing_is_read_and_waiting_for_room_is_not_the_peers_fault() {
    let (there, here) = duplex(CHUNK);
    let room = Arc::new(Semaphore::new(2_000 + FRAME_OVERHEAD));
    let patience = Patience { frame: Duration::from_millis(50), ..quick() };
    let mut reader = FrameReader::new(here, room, Arc::default(), patience);
    let mut writer = FrameWriter::new(there, quick());
    for _ in 0..2 {
        writer.write(&[9; 2_000]).await.expect("written");
    }
    writer.flush().await.expect("flushed");

    let (_, held) = reader.next().await.expect("the first frame");
    let mut second = tokio::spawn(async move { reader.next().await.map(|(frame, _)| frame.len()) });
    let waited = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(waited.is_err(), "no room for the second");
    drop(held);
    assert_eq!(second.await.expect("no panic"), Ok(2_000), "200 ms of waiting do not count against 50 ms for a frame");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_noticed() {
    let (there, _here) = duplex(1_000);
    let mut writer = FrameWriter::new(there, quick());
    assert_eq!(writer.write(&[0; 200_000]).await.expect_err("stalled"), DownReason::NotReading);
}
