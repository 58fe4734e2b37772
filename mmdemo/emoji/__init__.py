"""What is about emoji: the judge that says which one a picture shows. The joint model itself knows none of this."""
