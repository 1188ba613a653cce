"""One assessment year of Cà Mau on a running server, over HTTP alone, checked against books of its own."""
