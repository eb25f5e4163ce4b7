//! Parse, run, exit code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> tidewaiter::cli::Exit {
    tidewaiter::cli::main()
}
