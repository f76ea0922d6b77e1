"""Does an explanation agree with what embedded switches do with the real packet?"""
