// Real binaries, real sockets.
