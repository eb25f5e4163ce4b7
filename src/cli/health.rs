//! `tidewaiter health`: asks a running monitor whether it lives; for container health checks.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;

use super::exit::{Exit, Failure, OrExit};

/// Ask a running monitor for its health; exits with 1 where it does not answer well.
#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long, default_value = "http://127.0.0.1:8080/healthz")]
    url: String,
}

const TIMEOUT: Duration = Duration::from_secs(3);

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let rest = arguments
        .url
        .strip_prefix("http://")
        .ok_or_else(|| anyhow::anyhow!("--url must begin with http://"));
    let rest = rest.or_exit(Exit::BadConfig)?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, "healthz"));
    match ask(address, path) {
        Ok(status) => {
            println!("{status}");
            Ok(if status.contains(" 200 ") { Exit::Fine } else { Exit::Found })
        }
        Err(error) => {
            eprintln!("tidewaiter: {address}: {error}");
            Ok(Exit::Found)
        }
    }
}

fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let address = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or("").to_owned())
}
