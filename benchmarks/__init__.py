"""Speed of compiled networks beside other ways to run them; see README.md."""
