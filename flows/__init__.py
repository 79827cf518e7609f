"""One mission a file, and the flows that run the house. Nobody imports these but tests."""
