//! Shows who is near: starts a network with the key of a given seed byte, and prints what happens, with milliseconds since the start.
//!
//! `cargo run -p net --example near -- 1` here, and with `2` on another computer (or in another network namespace).

use std::{env, error::Error, time::Instant};

use feed::KeyPair;
use net::{Config, Net, NetEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seed: u8 = env::args().nth(1).ok_or("give a number from 0 to 255")?.parse()?;
    let start = Instant::now();
    let (net, mut events) = Net::start(&KeyPair::from_seed(&[seed; 32]), Config::default()).await?;
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(()) };
                println!("{:>6} {event:?}", start.elapsed().as_millis());
                if let NetEvent::LinkUp { link, .. } = event {
                    net.send(link, vec![seed])?;
                }
            }
            _ = tokio::signal::ctrl_c() => {
                net.shutdown().await;
                return Ok(());
            }
        }
    }
}
