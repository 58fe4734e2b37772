"""What more than one tab uses; it knows no tab."""
